"""What is installed here: whether everything is there and sound, and under which licences."""
