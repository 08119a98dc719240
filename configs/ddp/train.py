"""Trains small models with DistributedDataParallel, one after the other; each step prints a line of JSON.

Nothing here knows of Nextmini: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT say who it is and whom it
meets, as torchrun has it. The data are made from the seed, so the same ranks learn the same on any network.

    {"model": "lenet5", "rank": 0, "parameters": 61706}
    {"model": "lenet5", "rank": 0, "step": 1, "loss": 2.312, "seconds": 0.021}
"""

import argparse
import json
import time
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

CLASSES = 10
SIDE = 28
WORDS = 128
LENGTH = 16
EXAMPLES = 512


def mlp():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(SIDE * SIDE, 512),
        nn.ReLU(),
        nn.Linear(512, 256),
        nn.ReLU(),
        nn.Linear(256, CLASSES),
    )


def lenet5():
    """LeCun and others, 1998, with rectifiers and maxima as is usual today."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, CLASSES),
    )


def cnn():
    """Blocks of convolutions as in VGG, few and narrow."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 256),
        nn.ReLU(),
        nn.Linear(256, CLASSES),
    )


class Transformer(nn.Module):
    """Says the next word of a sequence."""

    def __init__(self, width=64, layers=2):
        super().__init__()
        self.words = nn.Embedding(WORDS, width)
        self.places = nn.Parameter(torch.zeros(LENGTH, width))
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, layers)
        self.out = nn.Linear(width, WORDS)
        self.register_buffer("later", torch.triu(torch.full((LENGTH, LENGTH), float("-inf")), 1))

    def forward(self, words):
        return self.out(self.layers(self.words(words) + self.places, self.later)).transpose(1, 2)


MODELS = {"mlp": mlp, "lenet5": lenet5, "cnn": cnn, "transformer": Transformer}


def images():
    """Pictures of ten things, each with noise of its own, and which thing it is."""
    things = torch.randn(CLASSES, 1, SIDE, SIDE)
    labels = torch.randint(CLASSES, (EXAMPLES,))
    return TensorDataset(things[labels] + 3 * torch.randn(EXAMPLES, 1, SIDE, SIDE), labels)


def sequences():
    """Words that count upwards by one to three, and the words that follow each."""
    first, by = torch.randint(WORDS, (EXAMPLES, 1)), torch.randint(1, 4, (EXAMPLES, 1))
    words = (first + by * torch.arange(LENGTH + 1)) % WORDS
    return TensorDataset(words[:, :-1], words[:, 1:])


def say(**what):
    print(json.dumps(what), flush=True)


def train(name, steps, batch, seed):
    rank = dist.get_rank()
    torch.manual_seed(seed)
    data = sequences() if name == "transformer" else images()
    model = MODELS[name]()
    say(model=name, rank=rank, parameters=sum(each.numel() for each in model.parameters()))
    model = DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss()
    sampler = DistributedSampler(data, seed=seed)
    loader = DataLoader(data, batch_size=batch, sampler=sampler, drop_last=True)
    step = 0
    while step < steps:
        sampler.set_epoch(step)
        for inputs, labels in loader:
            began = time.perf_counter()
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()  # gradients are averaged over all ranks meanwhile
            optimizer.step()
            step += 1
            say(model=name, rank=rank, step=step, loss=loss.item(), seconds=time.perf_counter() - began)
            if step == steps:
                break


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--steps", type=int, default=20, help="of each model")
    parser.add_argument("--batch", type=int, default=16, help="examples of each rank in a step")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    # Whoever never comes is not waited for longer.
    dist.init_process_group("gloo", timeout=timedelta(minutes=5))
    try:
        for name in arguments.models:
            train(name, arguments.steps, arguments.batch, arguments.seed)
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
