"""A user study: people rate videos without knowing which method made them (Table III of the paper).

``material`` makes the videos and ``book`` the one file that a study is, ``plan`` says who sees what
when, ``server`` asks, ``results`` counts. Nothing is imported here.
"""
