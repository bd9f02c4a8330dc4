"""What every corpus must keep, whichever it is: parametrised over the registry."""

from pathlib import Path

import pytest
import remotes

from tkit.clips import Clip, Reject, validate
from tkit.corpora import CORPORA, SCAN_OPTIONS, outlined
from tkit.errors import CorpusError


@pytest.fixture(scope="module", params=CORPORA.names())
def corpus(request):
    return CORPORA.get(request.param)


@pytest.fixture(scope="module")
def scanned(corpus, tmp_path_factory) -> list[Clip | Reject]:
    """What ``scan`` finds in the corpus' own tiny tree."""
    assert corpus.example, "a corpus brings a tiny tree: example(root)"
    root = tmp_path_factory.mktemp("corpus")
    corpus.example(root)
    return list(corpus.scan(root))


def test_it_says_what_it_is(corpus):
    assert corpus.title and corpus.licence
    assert set(corpus.options) <= set(SCAN_OPTIONS)
    assert (corpus.archives is None) == (not corpus.download_url)


def test_a_tiny_tree_is_scanned(scanned):
    clips = [item for item in scanned if isinstance(item, Clip)]
    assert clips and validate(clips)
    for clip in clips:
        assert Path(clip.video).is_file() and (not clip.audio or Path(clip.audio).is_file())
        assert all(word.start_s < word.end_s for word in clip.words)


def test_a_reject_has_a_step_and_a_reason(scanned):
    for item in scanned:
        if isinstance(item, Reject):
            assert item.id and item.step == "scan" and item.reason


def test_every_scan_is_the_same(corpus, scanned, tmp_path):
    corpus.example(tmp_path)
    again = list(corpus.scan(tmp_path))
    assert [(type(item), item.id) for item in again] == [(type(i), i.id) for i in scanned]


def test_splits_of_a_scheme_share_nobody(corpus):
    for name, splits in (corpus.split_schemes | corpus.clip_lists).items():
        assert name and (splits or name == "folders")
        members = [member for split in splits.values() for member in split]
        if name != "lipnet-overlapped":  # holds single clips out, not speakers
            assert len(members) == len(set(members)), f"{name}: somebody is in two splits"


def test_its_tree_is_taken_for_no_other_corpus(corpus, scanned, tmp_path):
    """Only a folder of any videos takes it: a corpus of the wrong kind is told, not misread."""
    if corpus.generate:  # puppets are laid out as GRID
        return
    corpus.example(tmp_path)
    takers = []
    for name in CORPORA.names():
        other = CORPORA.get(name)
        try:
            if any(isinstance(item, Clip) for item in other.scan(tmp_path)):
                takers.append(name)
        except CorpusError:
            continue
    own = next(name for name in CORPORA.names() if CORPORA.get(name) is corpus)
    assert set(takers) - {own, "folder"} <= ({"puppet"} if own == "grid" else set())


def test_an_empty_folder_is_an_error(corpus, tmp_path):
    with pytest.raises(CorpusError, match=str(tmp_path)):
        list(corpus.scan(tmp_path))


def test_one_at_a_url_is_outlined_for_its_scan(corpus, tmp_path):
    corpus.example(tmp_path)
    with remotes.in_memory(tmp_path) as url, outlined(url) as tree:
        found = [repr(item).replace(str(tree), str(tmp_path)) for item in corpus.scan(tree)]
    assert found == [repr(item) for item in corpus.scan(tmp_path)]
