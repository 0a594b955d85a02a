"""What is kept of a lane in `risk.state`: what a checkpoint is made of, its log, and the way back from it."""
