"""Writes values.json.gz: what PyTorch 1.13 gives, in float64, for optimizers with their options, schedulers alone and
combined, clipping, averaging, and gradient scaling.

    python3 values.py
"""
import gzip
import json
import pathlib
import warnings

import torch
from torch import optim
from torch.optim import lr_scheduler as sched
from torch.optim import swa_utils

warnings.simplefilter("ignore")
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
A = torch.randn(5, 3).mul(100).round() / 100
b = torch.randn(5, 2).mul(100).round() / 100
x0 = torch.randn(3, 2).mul(100).round() / 100
c0 = torch.randn(2).mul(100).round() / 100


def numbers(t):
    return [float(f"{v:.16g}") for v in t.detach().flatten().tolist()]


def quartic(x, c):
    """Not quadratic, so that a line search has something to do."""
    r = A @ x + c - b
    return (r**2).sum() * 0.5 + (r**4).sum() * 0.1


def optimize(name, options, steps):
    x, c = x0.clone().requires_grad_(), c0.clone().requires_grad_()
    optimizer = getattr(optim, name)([x, c], **options)
    out = []
    for step in range(steps):
        evaluations = 0

        def closure():
            nonlocal evaluations
            evaluations += 1
            optimizer.zero_grad()
            loss = quartic(x, c)
            loss.backward()
            return loss

        loss = optimizer.step(closure)
        out.append({"loss": loss.item(), "x": numbers(x), "c": numbers(c), "evaluations": evaluations})
    return {"name": name, "options": options, "steps": out}


OPTIMIZERS = [
    ("SGD", dict(lr=0.02, momentum=0.9, nesterov=True)),
    ("SGD", dict(lr=0.02, momentum=0.8, dampening=0.3, weight_decay=0.1)),
    ("SGD", dict(lr=1e-3, maximize=True)),
    ("Adam", dict(lr=0.05, amsgrad=True, weight_decay=0.1, betas=(0.7, 0.8))),
    ("Adam", dict(lr=0.05, maximize=True)),
    ("AdamW", dict(lr=0.05, amsgrad=True, weight_decay=0.2, betas=(0.7, 0.8))),
    ("AdamW", dict(lr=0.05, maximize=True)),
    ("Adamax", dict(lr=0.05, weight_decay=0.1, eps=1e-3, maximize=True)),
    ("NAdam", dict(lr=0.05, betas=(0.8, 0.9), weight_decay=0.1, momentum_decay=0.01)),
    ("RAdam", dict(lr=0.05, betas=(0.8, 0.9), weight_decay=0.1, eps=1e-4)),
    ("RAdam", dict(lr=0.05, betas=(0.8, 0.6))),
    ("Adagrad", dict(lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.3, eps=1e-4)),
    ("Adagrad", dict(lr=0.1, maximize=True)),
    ("Adadelta", dict(lr=0.7, rho=0.8, eps=1e-3, weight_decay=0.1, maximize=True)),
    ("RMSprop", dict(lr=0.02, alpha=0.8, momentum=0.5, weight_decay=0.1, eps=1e-3)),
    ("RMSprop", dict(lr=0.02, alpha=0.8, momentum=0.5, centered=True, maximize=True)),
    ("Rprop", dict(lr=0.02, etas=(0.4, 1.3), step_sizes=(1e-3, 0.05), maximize=True)),
    ("ASGD", dict(lr=1e-3, lambd=0.01, alpha=0.7, t0=3, weight_decay=0.1, maximize=True)),
]
LBFGS = [
    dict(lr=0.4, max_iter=5),
    dict(lr=0.3, max_iter=6, history_size=2),
    dict(lr=0.3, max_iter=9, max_eval=3),
    dict(line_search_fn="strong_wolfe"),
    dict(line_search_fn="strong_wolfe", max_iter=3, history_size=2),
    dict(line_search_fn="strong_wolfe", lr=20.0, max_iter=4),
    dict(line_search_fn="strong_wolfe", lr=1e-3, max_iter=2),
    dict(line_search_fn="strong_wolfe", tolerance_grad=1e-2, max_iter=30),
    dict(line_search_fn="strong_wolfe", tolerance_change=1e-2, max_iter=30),
]


def rosenbrock(options, steps):
    x = torch.tensor([-1.5, 2.0], requires_grad=True)
    optimizer = optim.LBFGS([x], **options)
    out = []
    for _ in range(steps):
        evaluations = 0

        def closure():
            nonlocal evaluations
            evaluations += 1
            optimizer.zero_grad()
            loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
            loss.backward()
            return loss

        loss = optimizer.step(closure)
        out.append({"loss": loss.item(), "x": numbers(x), "evaluations": evaluations})
    return {"options": options, "steps": out}


def scheduled(make, epochs, lrs=(0.1,), momentum=0.9):
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in lrs]
    optimizer = optim.SGD(groups, lr=0.1, momentum=momentum)
    scheduler = make(optimizer)
    rates, momenta = [], []
    for epoch in range(epochs):
        rates.append([g["lr"] for g in optimizer.param_groups])
        momenta.append([g["momentum"] for g in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return {"rates": rates, "momenta": momenta}


SCHEDULERS = {
    "sequential warmup, cosine": lambda o: sched.SequentialLR(
        o, [sched.LinearLR(o, 0.2, total_iters=4), sched.CosineAnnealingLR(o, 8, eta_min=0.01)], [4]
    ),
    "sequential of three": lambda o: sched.SequentialLR(
        o, [sched.ConstantLR(o, 0.25, total_iters=9), sched.ExponentialLR(o, 0.8), sched.StepLR(o, 2, 0.5)], [3, 8]
    ),
    "sequential of others": lambda o: sched.SequentialLR(
        o,
        [sched.PolynomialLR(o, 6, power=2.0), sched.MultiStepLR(o, [2, 3], 0.3), sched.CosineAnnealingWarmRestarts(o, 3)],
        [4, 9],
    ),
    "sequential back": lambda o: sched.SequentialLR(
        o,
        [sched.StepLR(o, 1, 0.7), sched.PolynomialLR(o, 6, power=0.5), sched.LambdaLR(o, lambda e: 0.9**e)],
        [4, 9],
    ),
    "chained": lambda o: sched.ChainedScheduler([sched.ConstantLR(o, 0.1, total_iters=3), sched.ExponentialLR(o, 0.9)]),
    "chained of three": lambda o: sched.ChainedScheduler(
        [sched.LinearLR(o, 0.5, total_iters=5), sched.MultiStepLR(o, [4, 7], 0.1), sched.CosineAnnealingLR(o, 10)]
    ),
    "cyclic triangular2": lambda o: sched.CyclicLR(o, 0.01, 0.2, 3, 2, mode="triangular2"),
    "cyclic exp_range": lambda o: sched.CyclicLR(o, 0.01, 0.2, 3, mode="exp_range", gamma=0.9, base_momentum=0.7),
    "one cycle, three phases, linear": lambda o: sched.OneCycleLR(
        o, 0.5, total_steps=16, three_phase=True, anneal_strategy="linear", pct_start=0.4, div_factor=10
    ),
    "one cycle by epochs": lambda o: sched.OneCycleLR(
        o, [0.5, 0.3], epochs=4, steps_per_epoch=4, final_div_factor=100, base_momentum=0.8, max_momentum=0.9
    ),
    "warm restarts": lambda o: sched.CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=0.02),
    "swa": lambda o: swa_utils.SWALR(o, swa_lr=0.02, anneal_epochs=5),
    "swa linear": lambda o: swa_utils.SWALR(o, swa_lr=[0.02, 0.4], anneal_epochs=4, anneal_strategy="linear"),
    "swa at once": lambda o: swa_utils.SWALR(o, swa_lr=0.02, anneal_epochs=0),
    "lambda of each group": lambda o: sched.LambdaLR(o, [lambda e: 1 / (1 + e), lambda e: 0.5**e]),
    "multiplicative": lambda o: sched.MultiplicativeLR(o, lambda e: 0.9 if e % 2 else 1.1),
}


def plateau(options, metrics):
    x = torch.zeros(1, requires_grad=True)
    optimizer = optim.SGD([{"params": [x]}, {"params": [x.clone().detach().requires_grad_()], "lr": 0.02}], lr=0.1)
    scheduler = sched.ReduceLROnPlateau(optimizer, **options)
    rates = []
    for metric in metrics:
        scheduler.step(metric)
        rates.append([g["lr"] for g in optimizer.param_groups])
    return {"options": options, "metrics": metrics, "rates": rates}


def clipped(norm_type, max_norm):
    x, c = x0.clone().requires_grad_(), c0.clone().requires_grad_()
    quartic(x, c).backward()
    total = torch.nn.utils.clip_grad_norm_([x, c], max_norm, norm_type=norm_type)
    return {"normType": norm_type, "maxNorm": max_norm, "total": total.item(), "x": numbers(x.grad), "c": numbers(c.grad)}


def sparse_adam():
    table = torch.nn.Embedding(4, 3, sparse=True)
    with torch.no_grad():
        table.weight.copy_(torch.arange(12.0).reshape(4, 3) / 7)
    start = numbers(table.weight)
    optimizer = optim.SparseAdam(table.parameters(), lr=0.1, betas=(0.8, 0.9), eps=1e-3)
    out = []
    batches = [[0, 2, 2], [3], [1, 0], [2, 3]]
    for batch in batches:
        optimizer.zero_grad()
        ((table(torch.tensor(batch)) - 1.5) ** 2).sum().backward()
        optimizer.step()
        out.append(numbers(table.weight))
    return {"start": start, "batches": batches, "weights": out}


def averaged(avg_fn=None):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 1))
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(torch.linspace(-1, 1, p.numel()).reshape(p.shape) + i / 10)
    start = [numbers(p) for p in model.parameters()]
    average = swa_utils.AveragedModel(model, avg_fn=avg_fn)
    x = torch.linspace(-2, 2, 12).reshape(4, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    for _ in range(4):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        average.update_parameters(model)
    batches = [x, x * 0.5 + 1, x[:3] - 1]
    swa_utils.update_bn(batches, average)
    bn = average.module[1]
    average.eval()
    return {
        "start": start,
        "x": numbers(x),
        "parameters": [numbers(p) for p in average.module.parameters()],
        "runningMean": numbers(bn.running_mean),
        "runningVar": numbers(bn.running_var),
        "output": numbers(average(x)),
    }


INF = 1e400
metrics = [5, 4, 3, 3, 3, 3, 3, 2, 2.5, 2, 2, 2, 2, 1, 1, 1, 1.5, 1, 1, 1]
result = {
    "problem": {"A": numbers(A), "b": numbers(b), "x0": numbers(x0), "c0": numbers(c0)},
    "optimizers": [optimize(name, options, 12) for name, options in OPTIMIZERS],
    "lbfgs": [optimize("LBFGS", options, 5) for options in LBFGS],
    "rosenbrock": [
        rosenbrock(dict(line_search_fn="strong_wolfe"), 3),
        rosenbrock(dict(line_search_fn="strong_wolfe", max_iter=4, history_size=3), 8),
    ],
    "schedulers": {
        name: scheduled(make, 14, lrs=(0.1, 0.05) if name in TWO else (0.1,))
        for TWO in [{"one cycle by epochs", "swa linear", "lambda of each group", "chained", "sequential of three"}]
        for name, make in SCHEDULERS.items()
    },
    "plateaus": [
        plateau(dict(patience=2, cooldown=2, factor=0.5), metrics),
        plateau(dict(patience=1, mode="max", threshold=0.2, threshold_mode="abs", min_lr=[0.03, 0.001]), metrics),
        plateau(dict(patience=0, mode="max", threshold=0.1), [-m for m in metrics]),
        plateau(dict(patience=0, eps=0.01), metrics),
    ],
    "clipping": [clipped(p, m) for p in (1.0, 2.0, 3.5, float("inf")) for m in (0.5, 1e6)],
    "sparseAdam": sparse_adam(),
    "averaging": {"mean": averaged(), "ema": averaged(lambda a, p, n: 0.7 * a + 0.3 * p)},
}
for case in result["clipping"]:
    if case["normType"] == float("inf"):
        case["normType"] = "Infinity"
target = pathlib.Path(__file__).with_name("values.json.gz")
target.write_bytes(gzip.compress(json.dumps(result, allow_nan=False, separators=(",", ":")).encode(), mtime=0))
