"""PyTorch, asked through standard input and output: requests and answers are a line of JSON each, then bytes."""

import functools
import json
import sys
import time
import warnings

import torch
import torch.nn.functional as F

warnings.filterwarnings("ignore")
DTYPES = {"float32": torch.float32, "int32": torch.int32}
NAMES = "abcdefgh"


def derivatives(function, inputs, gradient):
    """By all inputs."""
    leaves = [x.detach().requires_grad_() for x in inputs]
    with torch.enable_grad():
        return torch.autograd.grad(function(*leaves), leaves, gradient)


def derivative(function, x, gradient):
    return derivatives(function, [x], gradient)[0]


def attention(query, key, value):
    """The fused function where there is one (from version 2.0)."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)
    length, size = query.shape[-2:]
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    scores = query @ key.transpose(-2, -1) * size**-0.5
    return torch.softmax(scores.masked_fill(future, float("-inf")), -1) @ value


SCOPE = {
    "torch": torch,
    "F": F,
    "functools": functools,
    "attention": attention,
    "derivative": derivative,
    "derivatives": derivatives,
}


class Attention(torch.nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.project_in = torch.nn.Linear(width, 3 * width)
        self.project_out = torch.nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        shape = (batch, length, self.heads, width // self.heads)
        query, key, value = (part.reshape(shape).transpose(1, 2) for part in self.project_in(x).chunk(3, -1))
        attended = attention(query, key, value)
        return self.project_out(attended.transpose(1, 2).reshape(batch, length, width))


class Residual(torch.nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Positions(torch.nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(length, width))

    def forward(self, x):
        return x + self.weight


class LastState(torch.nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.lstm = torch.nn.LSTM(inputs, hidden)

    def forward(self, x):
        return self.lstm(x)[1][0].squeeze(0)


class GlobalPool(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def sequence(layers):
    return torch.nn.Sequential(*(module_of(layer) for layer in layers))


def module_of(layer):
    nn = torch.nn
    kind = layer["kind"]
    if kind == "linear":
        return nn.Linear(layer["inputs"], layer["outputs"])
    if kind == "convolution":
        sizes = (layer["inputs"], layer["outputs"], layer["window"])
        return nn.Conv2d(*sizes, stride=layer["stride"], padding=layer["padding"], bias=layer["bias"])
    if kind == "batchNorm":
        return nn.BatchNorm2d(layer["channels"])
    if kind == "layerNorm":
        return nn.LayerNorm(layer["width"])
    if kind == "relu":
        return nn.ReLU()
    if kind == "gelu":
        return nn.GELU()
    if kind == "pool":
        return nn.MaxPool2d(2)
    if kind == "globalPool":
        return GlobalPool()
    if kind == "flatten":
        return nn.Flatten()
    if kind == "residual":
        return Residual(sequence(layer["body"]), sequence(layer["shortcut"]))
    if kind == "attention":
        return Attention(layer["width"], layer["heads"], layer["causal"])
    if kind == "embedding":
        return nn.Embedding(layer["entries"], layer["width"])
    if kind == "positions":
        return Positions(layer["length"], layer["width"])
    if kind == "lstm":
        return LastState(layer["inputs"], layer["hidden"])
    raise ValueError(f"no layer of kind {kind}")


class Work:
    """What is repeated: `run` gives a tensor or several."""

    def __init__(self, run):
        self.run = run

    def time(self, count):
        start = time.perf_counter()
        for _ in range(count):
            self.run()
        return (time.perf_counter() - start) * 1000

    def results(self):
        results = self.run()
        return [results] if isinstance(results, torch.Tensor) else list(results)


class Server:
    def __init__(self):
        self.tensors = {}
        self.work = None

    def tensor(self, request, payload):
        values = torch.frombuffer(payload, dtype=DTYPES[request["dtype"]])
        self.tensors[request["id"]] = values.reshape(request["shape"])

    def free(self, request, _payload):
        del self.tensors[request["id"]]

    def inputs(self, request):
        return [self.tensors[at] for at in request["inputs"]]

    def operation(self, request, _payload):
        inputs = self.inputs(request)
        names = ", ".join(NAMES[: len(inputs)])
        function = eval(f"lambda {names}: {request['code']}", SCOPE)

        def run():
            with torch.no_grad():
                return function(*inputs)

        self.work = Work(run)

    def stateful(self, request, _payload):
        scope = {**SCOPE, "inputs": self.inputs(request)}
        exec(request["code"], scope)
        self.work = Work(scope["run"])

    def training(self, request, _payload):
        """Inputs are the batch, the target, then the parameters."""
        batch, target, *parameters = self.inputs(request)
        model = sequence(request["layers"])
        with torch.no_grad():
            for parameter, values in zip(model.parameters(), parameters, strict=True):
                parameter.copy_(values)
        optimizer = torch.optim.SGD(model.parameters(), lr=request["learningRate"])
        classes = request["classes"]
        if classes is not None:
            target = target.long()

        def forward():
            with torch.no_grad():
                return model(batch)

        def step():
            output = model(batch)
            if classes is None:
                loss = F.mse_loss(output, target)
            else:
                loss = F.cross_entropy(output.reshape(-1, classes), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        self.work = Work(step if request["pass"] == "step" else forward)

    def time(self, request, _payload):
        return {"milliseconds": self.work.time(request["count"])}

    def results(self, request, _payload):
        parts = [part.detach().reshape(-1) for part in self.work.results()]
        whole = torch.cat(parts) if len(parts) > 1 else parts[0]
        positions = request.get("positions")
        values = whole if positions is None else whole[torch.tensor(positions)]
        return {}, values.to(torch.float32).contiguous()

    def forget(self, _request, _payload):
        self.work = None


def version():
    """With the library for products, as a slow one makes another PyTorch of it."""
    libraries = ("mkl_core", "openblas", "blis", "atlas", "libblas")
    try:
        with open("/proc/self/maps") as maps:
            loaded = maps.read()
    except OSError:
        return torch.__version__
    if torch.backends.mkl.is_available():
        return f"{torch.__version__} with MKL"
    found = next((name for name in libraries if name in loaded), None)
    names = {"libblas": "the reference BLAS, which is slow", "openblas": "OpenBLAS", "mkl_core": "MKL"}
    return torch.__version__ if found is None else f"{torch.__version__} with {names.get(found, found)}"


def answer(header, tensor=None):
    data = b"" if tensor is None else memoryview(tensor.numpy()).cast("B")
    line = json.dumps({**header, "bytes": len(data)}) + "\n"
    sys.stdout.buffer.write(line.encode())
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def main():
    torch.set_num_threads(int(sys.argv[1]))
    server = Server()
    answer({"version": version()})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        payload = bytearray(request["bytes"])
        view = memoryview(payload)
        while view:
            view = view[sys.stdin.buffer.readinto(view) :]
        try:
            result = getattr(server, request["method"])(request, payload)
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}".split("\n")[0]})
            continue
        answer(*result) if isinstance(result, tuple) else answer(result or {})


main()
