"""Loss of a character-level LSTM with diagonal weights, several layers, over a sequence.

Gates and cell update per unit: forget = sigmoid(w0 x + b0), ingate = sigmoid(w1 h + b1), outgate =
sigmoid(w2 x + b2), change = tanh(w3 h + b3), cell = forget cell + ingate change, h = outgate tanh(cell).
The output layer is a scaled log-softmax. Differentiated by weights, biases and the scales of input and
output. The model is ADBench's (M. Grinshpun et al., Microsoft Research, 2019) after S. Hochreiter,
J. Schmidhuber, "Long short-term memory", Neural Comput. 9 (1997).
"""

import math

import numpy as np

from srcdiff.runtime import vector_math

ARGNUMS = (0, 1, 2)
SIZES = [(2, 128), (2, 256), (2, 512), (2, 1_024)]
REPORT_SIZES = [(2, 1_024), (4, 4_096)]
UNITS = 14


def make(size, rng):
    layers, length = size
    weights = rng.standard_normal((layers, 4, UNITS))
    biases = rng.standard_normal((layers, 4, UNITS))
    scales = rng.standard_normal((3, UNITS))
    hidden = rng.standard_normal((layers, UNITS))
    cell = rng.standard_normal((layers, UNITS))
    return weights, biases, scales, hidden, cell, rng.random((length, UNITS))


def primal(weights, biases, scales, first_hidden, first_cell, sequence):
    layers = weights.shape[0]
    units = weights.shape[2]
    length = sequence.shape[0]
    hidden = np.empty((layers, units))
    cell = np.empty((layers, units))
    for layer in range(layers):
        for j in range(units):
            hidden[layer, j] = first_hidden[layer, j]
            cell[layer, j] = first_cell[layer, j]
    signal = np.empty(units)
    total = 0.0
    for t in range(length - 1):
        for j in range(units):
            signal[j] = sequence[t, j] * scales[0, j]
        for layer in range(layers):
            for j in range(units):
                x = signal[j]
                h = hidden[layer, j]
                forget = 1.0 / (1.0 + math.exp(-(x * weights[layer, 0, j] + biases[layer, 0, j])))
                ingate = 1.0 / (1.0 + math.exp(-(h * weights[layer, 1, j] + biases[layer, 1, j])))
                outgate = 1.0 / (1.0 + math.exp(-(x * weights[layer, 2, j] + biases[layer, 2, j])))
                change = math.tanh(h * weights[layer, 3, j] + biases[layer, 3, j])
                cell[layer, j] = forget * cell[layer, j] + ingate * change
                hidden[layer, j] = outgate * math.tanh(cell[layer, j])
                signal[j] = hidden[layer, j]
        mass = 2.0
        for j in range(units):
            signal[j] = signal[j] * scales[1, j] + scales[2, j]
            mass += math.exp(signal[j])
        log_mass = math.log(mass)
        for j in range(units):
            total += (signal[j] - log_mass) * sequence[t + 1, j]
    return -total / ((length - 1) * units)


def hand(weights, biases, scales, first_hidden, first_cell, sequence):
    layers = weights.shape[0]
    units = weights.shape[2]
    length = sequence.shape[0]
    # One block for everything a step leaves behind; row `layers` holds the output layer.
    # Gate results are recorded, not their arguments, so that the reverse sweep has no exp.
    # `exp` and `tanh` are those that the generated code is compiled with: Numba's do not vectorise.
    tape = np.empty((length - 1, layers + 1, 6, units))
    mass_tape = np.empty(length - 1)
    hidden = first_hidden.copy()
    cell = first_cell.copy()
    total = 0.0
    for t in range(length - 1):
        row = sequence[t]
        target = sequence[t + 1]
        record = tape[t, layers]
        for j in range(units):
            record[0, j] = row[j] * scales[0, j]
        signal = record[0]
        for layer in range(layers):
            h = hidden[layer]
            for j in range(units):
                forget = 1.0 / (
                    1.0 + vector_math.exp(-(signal[j] * weights[layer, 0, j] + biases[layer, 0, j]))
                )
                ingate = 1.0 / (1.0 + vector_math.exp(-(h[j] * weights[layer, 1, j] + biases[layer, 1, j])))
                outgate = 1.0 / (
                    1.0 + vector_math.exp(-(signal[j] * weights[layer, 2, j] + biases[layer, 2, j]))
                )
                change = vector_math.tanh(h[j] * weights[layer, 3, j] + biases[layer, 3, j])
                tape[t, layer, 0, j] = forget
                tape[t, layer, 1, j] = ingate
                tape[t, layer, 2, j] = outgate
                tape[t, layer, 3, j] = change
                tape[t, layer, 4, j] = cell[layer, j]
                cell[layer, j] = forget * cell[layer, j] + ingate * change
                squashed = vector_math.tanh(cell[layer, j])
                tape[t, layer, 5, j] = squashed
                h[j] = outgate * squashed
            signal = h
        record = tape[t, layers]
        mass = 2.0
        for j in range(units):
            y = signal[j] * scales[1, j] + scales[2, j]
            e = vector_math.exp(y)
            record[1, j] = y
            record[2, j] = e
            mass += e
        mass_tape[t] = mass
        log_mass = math.log(mass)
        for j in range(units):
            total += (record[1, j] - log_mass) * target[j]
    count = (length - 1) * units
    total_bar = -1.0 / count
    weights_bar = np.zeros((layers, 4, units))
    biases_bar = np.zeros((layers, 4, units))
    scales_bar = np.zeros((3, units))
    hidden_bar = np.zeros((layers, units))
    cell_bar = np.zeros((layers, units))
    signal_bar = np.empty(units)
    hidden_old = np.empty(units)
    for t in range(length - 2, -1, -1):
        row = sequence[t]
        target = sequence[t + 1]
        record = tape[t, layers]
        top = tape[t, layers - 1]
        target_sum = 0.0
        for j in range(units):
            target_sum += target[j]
        share = -total_bar * target_sum / mass_tape[t]
        for j in range(units):
            y_bar = total_bar * target[j] + share * record[2, j]
            scales_bar[1, j] += y_bar * (top[2, j] * top[5, j])
            scales_bar[2, j] += y_bar
            signal_bar[j] = y_bar * scales[1, j]
        for layer in range(layers - 1, -1, -1):
            if layer > 0:
                below = tape[t, layer - 1]
                for j in range(units):
                    hidden_old[j] = below[2, j] * below[5, j]
                signal = hidden_old
            else:
                signal = tape[t, layers, 0]
            for j in range(units):
                forget = tape[t, layer, 0, j]
                outgate = tape[t, layer, 2, j]
                squashed = tape[t, layer, 5, j]
                out_bar = signal_bar[j] + hidden_bar[layer, j]
                state_bar = cell_bar[layer, j] + out_bar * outgate * (1.0 - squashed * squashed)
                forget_bar = state_bar * tape[t, layer, 4, j] * forget * (1.0 - forget)
                outgate_bar = out_bar * squashed * outgate * (1.0 - outgate)
                cell_bar[layer, j] = state_bar * forget
                ingate = tape[t, layer, 1, j]
                change = tape[t, layer, 3, j]
                ingate_bar = state_bar * change * ingate * (1.0 - ingate)
                change_bar = state_bar * ingate * (1.0 - change * change)
                weights_bar[layer, 0, j] += forget_bar * signal[j]
                weights_bar[layer, 2, j] += outgate_bar * signal[j]
                biases_bar[layer, 0, j] += forget_bar
                biases_bar[layer, 1, j] += ingate_bar
                biases_bar[layer, 2, j] += outgate_bar
                biases_bar[layer, 3, j] += change_bar
                signal_bar[j] = forget_bar * weights[layer, 0, j] + outgate_bar * weights[layer, 2, j]
                hidden_bar[layer, j] = ingate_bar * weights[layer, 1, j] + change_bar * weights[layer, 3, j]
                # Summed below once the old hidden state is known.
                tape[t, layer, 1, j] = ingate_bar
                tape[t, layer, 3, j] = change_bar
            if t > 0:
                before = tape[t - 1, layer]
                for j in range(units):
                    h_old = before[2, j] * before[5, j]
                    weights_bar[layer, 1, j] += tape[t, layer, 1, j] * h_old
                    weights_bar[layer, 3, j] += tape[t, layer, 3, j] * h_old
            else:
                for j in range(units):
                    weights_bar[layer, 1, j] += tape[t, layer, 1, j] * first_hidden[layer, j]
                    weights_bar[layer, 3, j] += tape[t, layer, 3, j] * first_hidden[layer, j]
        for j in range(units):
            scales_bar[0, j] += signal_bar[j] * row[j]
    return -total / count, (weights_bar, biases_bar, scales_bar)


def jax_loss(weights, biases, scales, first_hidden, first_cell, sequence):
    import jax
    import jax.numpy as jnp

    layers = weights.shape[0]

    def step(state, pair):
        hidden, cell = state
        now, following = pair
        signal = now * scales[0]
        hiddens, cells = [], []
        for layer in range(layers):
            w, b, h = weights[layer], biases[layer], hidden[layer]
            forget = jax.nn.sigmoid(signal * w[0] + b[0])
            ingate = jax.nn.sigmoid(h * w[1] + b[1])
            outgate = jax.nn.sigmoid(signal * w[2] + b[2])
            change = jnp.tanh(h * w[3] + b[3])
            s = forget * cell[layer] + ingate * change
            signal = outgate * jnp.tanh(s)
            hiddens.append(signal)
            cells.append(s)
        y = signal * scales[1] + scales[2]
        log_mass = jnp.log(jnp.sum(jnp.exp(y)) + 2.0)
        return (jnp.stack(hiddens), jnp.stack(cells)), jnp.sum((y - log_mass) * following)

    _, terms = jax.lax.scan(step, (first_hidden, first_cell), (sequence[:-1], sequence[1:]))
    return -jnp.sum(terms) / sequence[1:].size


def torch_loss(weights, biases, scales, first_hidden, first_cell, sequence):
    import torch

    layers = weights.shape[0]
    hidden = list(first_hidden.unbind())
    cell = list(first_cell.unbind())
    outputs = []
    for now in sequence[:-1].unbind():
        signal = now * scales[0]
        for layer in range(layers):
            w, b, h = weights[layer], biases[layer], hidden[layer]
            forget = torch.sigmoid(signal * w[0] + b[0])
            ingate = torch.sigmoid(h * w[1] + b[1])
            outgate = torch.sigmoid(signal * w[2] + b[2])
            change = torch.tanh(h * w[3] + b[3])
            cell[layer] = forget * cell[layer] + ingate * change
            signal = outgate * torch.tanh(cell[layer])
            hidden[layer] = signal
        outputs.append(signal)
    y = torch.stack(outputs) * scales[1] + scales[2]
    log_mass = torch.log(torch.exp(y).sum(1) + 2.0)
    return -((y - log_mass[:, None]) * sequence[1:]).sum() / sequence[1:].numel()


def autograd_loss(weights, biases, scales, first_hidden, first_cell, sequence):
    import autograd.numpy as np

    def sigmoid(z):
        return 1.0 / (1.0 + np.exp(-z))

    layers = weights.shape[0]
    hidden = list(first_hidden)
    cell = list(first_cell)
    total = 0.0
    for t in range(sequence.shape[0] - 1):
        signal = sequence[t] * scales[0]
        for layer in range(layers):
            w, b, h = weights[layer], biases[layer], hidden[layer]
            forget = sigmoid(signal * w[0] + b[0])
            ingate = sigmoid(h * w[1] + b[1])
            outgate = sigmoid(signal * w[2] + b[2])
            change = np.tanh(h * w[3] + b[3])
            cell[layer] = forget * cell[layer] + ingate * change
            signal = outgate * np.tanh(cell[layer])
            hidden[layer] = signal
        y = signal * scales[1] + scales[2]
        log_mass = np.log(np.sum(np.exp(y)) + 2.0)
        total = total + np.sum((y - log_mass) * sequence[t + 1])
    return -total / sequence[1:].size
