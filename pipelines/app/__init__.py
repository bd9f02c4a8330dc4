"""A local page on which a photo speaks while its video is made, and folders are scored.

``booth`` holds what is loaded and chosen and makes the frames, ``folders`` looks below one root,
``server`` is the page. Nothing is imported here.
"""
