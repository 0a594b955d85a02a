"""Events as they come in: from the records of house topics to checked events on their way to their first hop.

Each partition of a house topic is an origin (`origins`), with a clock and a plan of its own that its owner commits.
"""
