"""What runs take and cost: learnt from those that ended, foretold for the next."""
