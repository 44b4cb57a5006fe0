"""A decoder in plain numpy and float64, one sentence a formula: what a graph must agree with."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A decoder by the names and numbers of Hugging Face's config.json.

    Attributes:
        heads: query heads.
        kv_heads: key and value heads.
        head_dim: width of a head.
        layers: number of layers.
        tensors: by Hugging Face's names.
        epsilon: of the norms.
        tied: whether the embeddings score the vocabulary.
        rope: `rope_parameters`.
        window: tokens that each token sees, itself included; None for all before it.
    """

    heads: int
    kv_heads: int
    head_dim: int
    layers: int
    tensors: dict[str, NDArray[np.float32]]
    epsilon: float
    tied: bool
    rope: dict[str, float | str] = field(default_factory=dict)
    window: int | None = None

    def logits(self, ids: list[int]) -> Floats:
        """Scores after each token, [tokens, vocabulary]."""
        x = self._tensor("model.embed_tokens.weight")[ids]
        for layer in range(self.layers):
            name = f"model.layers.{layer}"
            x = x + self._attention(f"{name}.self_attn", self._norm(f"{name}.input_layernorm", x))
            y = self._norm(f"{name}.post_attention_layernorm", x)
            gate = self._linear(f"{name}.mlp.gate_proj", y)
            wide = gate / (1 + np.exp(-gate)) * self._linear(f"{name}.mlp.up_proj", y)
            x = x + self._linear(f"{name}.mlp.down_proj", wide)
        head = "model.embed_tokens.weight" if self.tied else "lm_head.weight"
        scores: Floats = self._norm("model.norm", x) @ self._tensor(head).T
        return scores

    def _attention(self, name: str, x: Floats) -> Floats:
        count = len(x)
        query, key, value = (
            self._linear(f"{name}.{part}_proj", x).reshape(count, -1, self.head_dim)
            for part in "qkv"
        )
        query, key = self._rotated(query), self._rotated(key)
        shared = self.heads // self.kv_heads
        key, value = np.repeat(key, shared, axis=1), np.repeat(value, shared, axis=1)
        scores = np.einsum("qhd,khd->hqk", query, key) / math.sqrt(self.head_dim)
        back = np.arange(count)[:, None] - np.arange(count)
        seen = (back >= 0) & (back < (self.window or count))
        scores = np.exp(np.where(seen, scores, -np.inf) - scores.max())
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", scores, value)
        return self._linear(f"{name}.o_proj", mixed.reshape(count, -1))

    def _rotated(self, x: Floats) -> Floats:
        """Each head's halves turned against one another, [tokens, heads, head_dim]."""
        frequencies, scale = self._frequencies()
        angles = np.outer(np.arange(len(x)), frequencies)[:, None, :]
        cosine, sine = np.cos(angles) * scale, np.sin(angles) * scale
        first, second = np.split(x, 2, axis=-1)
        return np.concatenate(
            [first * cosine - second * sine, second * cosine + first * sine], axis=-1
        )

    def _frequencies(self) -> tuple[list[float], float]:
        """Pair by pair, as the papers tell it."""
        base = float(self.rope.get("rope_theta", 10_000.0))
        plain = [base ** (-2 * pair / self.head_dim) for pair in range(self.head_dim // 2)]
        kind, factor = self.rope.get("rope_type"), float(self.rope.get("factor", 1.0))
        if kind == "linear":
            return [frequency / factor for frequency in plain], 1.0
        if kind == "llama3":
            return [self._llama3(frequency, factor) for frequency in plain], 1.0
        if kind == "yarn":
            pairs = enumerate(plain)
            return [self._yarn(pair, one, factor, base) for pair, one in pairs], (
                0.1 * math.log(factor) + 1
            )
        return plain, 1.0

    def _llama3(self, frequency: float, factor: float) -> float:
        low, high = float(self.rope["low_freq_factor"]), float(self.rope["high_freq_factor"])
        original = float(self.rope["original_max_position_embeddings"])
        length = 2 * math.pi / frequency
        if length < original / high:
            return frequency
        if length > original / low:
            return frequency / factor
        smooth = (original / length - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency

    def _yarn(self, pair: int, frequency: float, factor: float, base: float) -> float:
        original = float(self.rope["original_max_position_embeddings"])

        def place(turns: float) -> float:
            return self.head_dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))

        first, last = max(math.floor(place(32)), 0), min(math.ceil(place(1)), self.head_dim - 1)
        ramp = min(max((pair - first) / (last - first), 0.0), 1.0)
        return frequency / factor * ramp + frequency * (1 - ramp)

    def _norm(self, name: str, x: Floats) -> Floats:
        mean = (x**2).mean(axis=-1, keepdims=True)
        normed: Floats = x / np.sqrt(mean + self.epsilon) * self._tensor(f"{name}.weight")
        return normed

    def _linear(self, name: str, x: Floats) -> Floats:
        y: Floats = x @ self._tensor(f"{name}.weight").T
        bias = f"{name}.bias"
        if bias in self.tensors:
            y += self._tensor(bias)
        return y

    def _tensor(self, name: str) -> Floats:
        return self.tensors[name].astype(np.float64)
