"""Settings of the paper and of our releases; each file says only what differs."""
