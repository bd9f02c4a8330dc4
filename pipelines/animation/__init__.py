"""Animation: one still picture and speech to a video of a talking face.

``render`` makes the frames of one picture, of which ``moves`` says what the face does and ``paste``
how the rendered crop goes back into the picture; ``jobs`` makes files of files. Nothing is imported
here, so that what cannot be animated is refused before torch is loaded.
"""
