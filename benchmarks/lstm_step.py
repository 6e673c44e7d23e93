"""Show where one step of our LSTM spends its time, beside the whole step of torch.nn.LSTM.

    python benchmarks/lstm_step.py [--threads 1]

Each operation in the loop of bptt.lstm_forward is timed alone, on arrays of the size of one step. So is a
step of each layer: T steps without gradients, each with an input of one number, divided by T. Beside our
matmul is the one inside torch.nn.LSTM, which no public function offers: oneDNN's, with the weight reordered
beforehand. Times are in microseconds.
"""

import argparse
import time
import timeit

import numpy as np
import torch

import rnncourse

STEPS = 200


def microseconds(statement, names: dict, number: int = 500) -> float:
    """Return the shortest of nine times: on one thread processor time, which other programs affect less."""
    timer = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    return min(timeit.repeat(statement, globals=names, number=number, repeat=9, timer=timer)) / number * 1e6


def operations(B: int, H: int) -> dict[str, float]:
    """Return the time of each operation of inference on an x_t of one number, in the order of the loop."""
    c, new, h_t, x_t = (np.random.rand(B, width).astype(np.float32) for width in (H, H, H, 1))
    h = torch.rand(B, H)
    if B == 1:
        a, W_hh = torch.rand(B, 4 * H), torch.rand(4 * H, H).t()
        i, f, g, o = (block.numpy() for block in a.chunk(4, dim=1))
        statements = {"a += W_hh h": "a.addmm_(h, W_hh)"}
    else:
        a, W, xh = torch.rand(4, B, H), torch.rand(4, H, H + 2).mT, torch.rand(B, H + 2)
        x_in, h, xh = xh[:, :1].numpy(), xh[:, 1:-1], xh.expand(4, -1, -1)
        i, f, g, o = a.numpy()
        statements = {"x_t in": "x_in[...] = x_t", "a = W [x_t, h, 1]": "torch.bmm(xh, W, out=a)"}
    names = {**locals(), "np": np, "torch": torch, "h_np": h.numpy()}
    statements |= {
        "tanh(g)": "np.tanh(g, out=new)",
        "σ(a)": "a.sigmoid_()",
        "c = f c + i g": "np.multiply(new, i, out=new); np.multiply(c, f, out=c); np.add(c, new, out=c)",
        "h_t = o tanh(c)": "np.tanh(c, out=new); np.multiply(o, new, out=h_t)",
        "h = h_t": "h_np[...] = h_t",
    }
    return {what: microseconds(statement, names) for what, statement in statements.items()}


def onednn_matmul(B: int, H: int) -> float:
    """Return the time of W_hh h, computed with operators that torch keeps for its own compiler."""
    h, own = torch.rand(B, H), torch.ops.mkldnn
    weight = own._reorder_linear_weight(torch.rand(4 * H, H), B)
    return microseconds(lambda: own._linear_pointwise(h, weight, None, "none", [], ""), {})


def whole_step(module: torch.nn.Module, B: int, H: int) -> float:
    """Return a layer's time for one step. The input is one number, so nearly all of it is for the state."""
    layer, x = module(1, H), torch.rand(STEPS, B, 1)
    with torch.no_grad():
        return microseconds(lambda: layer(x), {}, number=3) / STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    for B, H in ((1, 128), (20, 128), (32, 64), (64, 512)):
        parts = operations(B, H)
        print(f"B={B}, H={H}: " + ", ".join(f"{what} {value:.1f}" for what, value in parts.items()))
        ours, theirs = whole_step(rnncourse.LSTM, B, H), whole_step(torch.nn.LSTM, B, H)
        print(f"  sum {sum(parts.values()):.1f}, our step {ours:.1f}, torch.nn's {theirs:.1f} microseconds")
        print(f"  oneDNN's matmul, called from Python: {onednn_matmul(B, H):.1f}")


if __name__ == "__main__":
    main()
