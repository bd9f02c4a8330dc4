"""What is known of the 68 points of a face: geometry, crops, blinks, drawing."""
