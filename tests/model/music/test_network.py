import torch

from model.music.network import Network
from model.music.vocabulary import VOCABULARY
from model.sequence.network import Cache, PhiModule, expand_phi, token_loss
from tests.model.music.conftest import TINY


def made(seed=0):
    torch.manual_seed(seed)
    network = Network(TINY).eval()
    phi = {
        name: torch.randn_like(value) * 0.3
        for name, value in PhiModule(TINY, VOCABULARY.size).tensors().items()
    }
    inputs = torch.stack(
        [
            torch.randint(0, VOCABULARY.size, (4, 20)),
            torch.randint(0, 70, (4, 20)),
            torch.randint(0, 4, (4, 20)),
            torch.randint(0, 14, (4, 20)),
        ],
        -1,
    )
    return network, phi, inputs


def test_reading_token_by_token_is_reading_at_once():
    network, phi, inputs = made()
    whole = network(inputs[:1], expand_phi(phi, 1))
    cache = Cache(TINY, 32)
    first = network(inputs[:1, :7], expand_phi(phi, 1), cache)
    rest = [network(inputs[:1, i : i + 1], expand_phi(phi, 1), cache) for i in range(7, 20)]
    torch.testing.assert_close(torch.cat([first, *rest], 1), whole, atol=1e-5, rtol=1e-4)


def test_setting_the_cache_back_forgets():
    network, phi, inputs = made()
    cache = Cache(TINY, 32)
    network(inputs[:1, :12], expand_phi(phi, 1), cache)
    cache.length = 9
    again = network(inputs[:1, 9:10], expand_phi(phi, 1), cache)
    torch.testing.assert_close(
        again[:, 0], network(inputs[:1, :10], expand_phi(phi, 1))[:, -1], atol=1e-5, rtol=1e-4
    )


def test_no_token_sees_what_follows():
    network, phi, inputs = made()
    changed = inputs.clone()
    changed[:, 11:, 0] = 5
    before, after = network(inputs, expand_phi(phi, 1)), network(changed, expand_phi(phi, 1))
    torch.testing.assert_close(before[:, :11], after[:, :11])
    assert not torch.allclose(before[:, 11:], after[:, 11:])


def test_composers_side_by_side_do_not_mix():
    network, phi, inputs = made()
    other = {name: value + 0.2 for name, value in phi.items()}
    both = {name: torch.stack([phi[name], other[name]]) for name in phi}
    together = network(inputs, both)
    torch.testing.assert_close(together[:2], network(inputs[:2], expand_phi(phi, 1)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together[2:], network(inputs[2:], expand_phi(other, 1)), atol=1e-5, rtol=1e-4)


def test_padding_does_not_count():
    logits = torch.randn(2, 4, 9)
    targets = torch.tensor([[1, 2, -1, -1], [3, 4, 5, 6]])
    losses = token_loss(logits, targets, 2)
    torch.testing.assert_close(losses[0], -logits[0, :2].log_softmax(-1)[[0, 1], [1, 2]].mean())
