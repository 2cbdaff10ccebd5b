"""Train a network on handwritten digits by a generated gradient alone.

The 1797 images of 8 by 8 pixels are those inside scikit-learn. `mean_loss` is the whole model, written with loops
over scalars: two layers, tanh between them, softmax cross-entropy at the end. Its gradient is generated from this
source; the loop in `train` is plain stochastic gradient descent with momentum. For each of three seeds the data are
split at random, four fifths to train and one fifth to test; what counts is the worst of the three.

Prints (the times are those of one machine):

    seed 0   training 100.00%   held out 98.89%   0.8 s
    seed 1   training 100.00%   held out 98.06%   1.7 s
    seed 2   training 100.00%   held out 98.33%   0.8 s
    worst of 3 seeds: 98.06% of the held-out digits are right
"""

import math
import sys
import time

import numpy as np
from sklearn.datasets import load_digits
from tqdm import tqdm

from srcdiff import value_and_grad

HIDDEN = 64
BATCH = 32


def forward(W1, b1, W2, b2, image, h, z):
    """Write the hidden layer into h and the unnormalised log-probabilities into z."""
    for i in range(len(b1)):
        total = b1[i]
        for j in range(len(image)):
            total += W1[i, j] * image[j]
        h[i] = math.tanh(total)
    for k in range(len(b2)):
        total = b2[k]
        for i in range(len(b1)):
            total += W2[k, i] * h[i]
        z[k] = total


def mean_loss(W1, b1, W2, b2, images, labels):
    """Softmax cross-entropy, averaged over the images."""
    h = np.empty(len(b1))
    z = np.empty(len(b2))
    loss = 0.0
    for n in range(len(images)):
        forward(W1, b1, W2, b2, images[n], h, z)
        largest = z[0]
        for k in range(1, len(b2)):
            largest = max(largest, z[k])
        norm = 0.0
        for k in range(len(b2)):
            norm += math.exp(z[k] - largest)
        loss += largest + math.log(norm) - z[labels[n]]
    return loss / len(images)


value_and_gradients = value_and_grad(mean_loss, argnums=("W1", "b1", "W2", "b2"))


def accuracy(parameters, images, labels):
    W1, b1, W2, b2 = parameters
    z = np.tanh(images @ W1.T + b1) @ W2.T + b2
    return float(np.mean(np.argmax(z, axis=1) == labels))


def split(seed):
    """Images with pixels from 0 to 1 and their labels, four fifths to train and one fifth to test."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    images, labels = digits.data[order] / 16.0, digits.target[order]
    cut = len(labels) * 4 // 5
    return (images[:cut], labels[:cut]), (images[cut:], labels[cut:])


def train(images, labels, seed, epochs, rate=0.1, momentum=0.9):
    random = np.random.default_rng(seed)
    inputs = images.shape[1]
    parameters = [
        random.normal(size=(HIDDEN, inputs)) / math.sqrt(inputs),
        np.zeros(HIDDEN),
        random.normal(size=(10, HIDDEN)) / math.sqrt(HIDDEN),
        np.zeros(10),
    ]
    velocities = [np.zeros_like(p) for p in parameters]
    bar = tqdm(range(epochs), desc=f"seed {seed}", unit="epoch", file=sys.stderr)
    for _ in bar:
        order = random.permutation(len(labels))
        total = 0.0
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            loss, gradients = value_and_gradients(*parameters, images[batch], labels[batch])
            total += loss * len(batch)
            for p, v, g in zip(parameters, velocities, gradients, strict=True):
                v *= momentum
                v -= rate * g
                p += v
        bar.set_postfix(loss=f"{total / len(order):.4f}")
    return parameters


def main(seeds=(0, 1, 2), epochs=60) -> float:
    """Train once for each seed; the lowest held-out accuracy."""
    reached = []
    for seed in seeds:
        train_set, test_set = split(seed)
        start = time.perf_counter()
        parameters = train(*train_set, seed, epochs)
        seconds = time.perf_counter() - start
        reached.append(accuracy(parameters, *test_set))
        print(
            f"seed {seed}   training {accuracy(parameters, *train_set):.2%}   "
            f"held out {reached[-1]:.2%}   {seconds:.1f} s"
        )
    print(f"worst of {len(seeds)} seeds: {min(reached):.2%} of the held-out digits are right")
    return min(reached)


if __name__ == "__main__":
    raise SystemExit(0 if main() >= 0.95 else "less than 95 %")
