import re
import subprocess
import sys

import pytest
import torch

from tkit.errors import ConfigError
from tkit.pipelines.training import ahead
from tkit.pipelines.training.shares import share_of, whole


def draw(step, share=range(4)):
    """A batch of which every value says where it belongs."""
    numbers = torch.tensor([10.0 * step + index for index in share])
    image = numbers.view(-1, 1, 1, 1).expand(-1, 3, 5, 7)
    return {
        "image": image.contiguous(memory_format=torch.channels_last),
        "number": numbers.double(),
        "kept": numbers > 1,
        "map": numbers[:, None].expand(-1, 6)[:, ::2],
        "none": numbers[:0],
    }


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more than there are cores
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_order_whoever_draws_them(workers):
    draws = ahead.Draws(draw, None)
    found = list(ahead.drawn(draws, range(3, 15), workers=workers, pin=False))
    assert len(found) == 12
    for step, batch in zip(range(3, 15), found, strict=True):
        wanted = draw(step)
        assert batch.keys() == wanted.keys()
        for name, tensor in wanted.items():
            assert batch[name].dtype == tensor.dtype and torch.equal(batch[name], tensor), name
        assert batch["image"].stride() == wanted["image"].stride()


def test_a_share_is_drawn_alone():
    asked = []

    def noted(step, share):
        asked.append((step, share))
        return draw(step, share)

    batches = ahead.drawn(ahead.Draws(noted, range(2, 4)), range(2), workers=0, pin=False)
    assert [batch["number"].tolist() for batch in batches] == [[2, 3], [12, 13]]
    assert asked == [(0, range(2, 4)), (1, range(2, 4))]


def test_what_goes_wrong_in_a_process_that_draws_is_told():
    def broken(step):
        raise ConfigError("the draw is broken")

    with pytest.raises(ConfigError, match="the draw is broken"):
        next(ahead.drawn(ahead.Draws(broken, None), range(3), workers=1, pin=False))


DYING = """
import os, signal, torch
from tkit.errors import TkitError
from tkit.pipelines.training import ahead

def dying(step):
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"number": torch.tensor([step])}

try:
    with ahead.dead_are_told():
        for _ in ahead.drawn(ahead.Draws(dying, None), range(12), workers=1, pin=False):
            pass
except TkitError as error:
    print(error, flush=True)
    os._exit(3)
"""


def test_a_process_that_draws_and_is_killed_is_one_line():
    # In a process of its own: as long as it remembers the dead one, torch raises whenever any child
    # of this process ends, wherever that is by then.
    done = subprocess.run(
        [sys.executable, "-c", DYING], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 3, done.stderr
    assert re.match(r"a process that draws .* died .*--resume", done.stdout)
    with pytest.raises(RuntimeError, match="another"), ahead.dead_are_told():
        raise RuntimeError("another")


def test_as_many_processes_draw_as_are_wanted_or_pay():
    assert ahead.workers_for(1, device="cpu", processes=1) == 1
    assert ahead.workers_for(10**6, device="cpu", processes=1) == ahead.cores()
    assert ahead.workers_for(10**6, device="cpu", processes=10**6) == 1
    assert ahead.workers_for(0, device="cuda", processes=1) == 0
    assert ahead.workers_for(-1, device="cpu", processes=1) == 0
    assert 0 <= ahead.workers_for(-1, device="cuda", processes=2) <= ahead.MOST


def test_shares_are_the_batch_in_order():
    shares = [share_of(6, process=process, processes=3) for process in range(3)]
    assert [index for share in shares for index in share] == list(range(6))
    with pytest.raises(ConfigError, match="batch_size 6 cannot be shared equally by 4 processes"):
        share_of(6, process=0, processes=4)
    alone = torch.ones(2)
    assert whole(alone) is alone
