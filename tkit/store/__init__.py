"""The store: one HDF5 file with everything training needs of a prepared corpus.

Layout (schema 1; F frames and N speech rows of all clips in order of their ids)
--------------------------------------------------------------------------------
::

  /points        (F, 68, 2)        float32  tracked points, image pixels
  /displacement  (F, 68, 2)        float32  canonical displacement, inter-ocular distances
  /pose          (F, 2, 3)         float64  canonical to image coordinates
  /valid         (F,)              bool     the points were tracked, not filled
  /placed        (F, 68)           bool     on a segment's boundary; others are as they were tracked
  /speech        (N, D)            float32  features of the speech encoder at its own rate
  /crops         (F, 128, 128, 3)  uint8    optional: aligned RGB face crops, of any size
  /crop_pose     (F, 2, 3)         float64  optional: image pixels to crop pixels
  /clips         (C,)              table    id, speaker, text, split, fps, frame_start, n_frames,
                                            speech_start, n_speech
  /columns       (C,)              table    optional: what else is known of each clip, by name
  /words         (W,)              table    clip (its index), start_s, end_s, text
  /rejects       (R,)              table    id, step, reason
  /notes         (K,)              table    optional: id, text: what should be known of used clips
  /speakers/name (P,), /speakers/neutral (P, 68, 2) float64, canonical coordinates
  /canonical/neutral (68, 2)       float64  the mean neutral face
  /checksums                       attribute ``sha256``: JSON, a data set to the SHA-256 of its
                                   type, shape and values; "/" to that of the root attributes

Root attributes: schema, tkit, corpus, protocol, landmarks, lips (signatures of the back-ends),
fps, window, encoder (JSON of :class:`EncoderInfo`), licence and citation of the corpus (from 0.4.0
on).

Every data set carries HDF5's own checksums (fletcher32), so a changed one is noticed when it is
read; what they cannot see (attributes, names, two changes that cancel) the SHA-256 do, when the
store is examined. Stores written before 0.4.0 have neither. A store may come from strangers: what
it declares is compared with the layout and with the size of the file before anything is read, and
no reference that leaves the file is followed.
"""

from tkit.store.joined import Joined, Shards, join, open_store
from tkit.store.layout import SCHEMA, STORE, EncoderInfo, Row, StoreInfo, together
from tkit.store.reading import Array, Store
from tkit.store.writing import Writer, create

__all__ = [
    "SCHEMA",
    "STORE",
    "Array",
    "EncoderInfo",
    "Joined",
    "Row",
    "Shards",
    "Store",
    "StoreInfo",
    "Writer",
    "create",
    "join",
    "open_store",
    "together",
]
