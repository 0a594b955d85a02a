"""What the console's pages of one subject read: a customer, a loan, events around an alert; who did what; own views."""
