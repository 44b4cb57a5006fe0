"""SentencePiece vocabularies of GGUF files, as byte pairs that merge by score."""

from tokenizers import Tokenizer, decoders, models, normalizers

from services.model_builder.gguf_file import GgufFile

NORMAL, UNKNOWN = 1, 2  # GGUF token types
SPACE = "▁"  # stands for a space in the vocabulary


def sentencepiece(gguf: GgufFile) -> Tokenizer:
    """The tokenizer of a file whose tokens have scores: Llama 2's kind.

    Raises:
        ModelBuildError: a part of the vocabulary is missing.
    """
    tokens: list[str] = gguf.need("tokenizer.ggml.tokens")
    types: list[int] = gguf.need("tokenizer.ggml.token_type")
    vocabulary = {token: index for index, token in enumerate(tokens)}
    unknown = tokens[types.index(UNKNOWN)] if UNKNOWN in types else None
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=_merges(tokens, types, gguf.need("tokenizer.ggml.scores")),
            unk_token=unknown,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    spaces = normalizers.Replace(" ", SPACE)
    starts = gguf.get("tokenizer.ggml.add_space_prefix", True)
    parts = [normalizers.Prepend(SPACE), spaces] if starts else [spaces]
    tokenizer.normalizer = normalizers.Sequence(parts)
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(SPACE, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            *([decoders.Strip(" ", 1, 0)] if starts else []),
        ]
    )
    return tokenizer


def _merges(tokens: list[str], types: list[int], scores: list[float]) -> list[tuple[str, str]]:
    """Every pair of tokens that makes a third, the best score first."""
    known = set(tokens)
    found = [
        (score, len(token[:cut]), token[:cut], token[cut:])
        for token, kind, score in zip(tokens, types, scores, strict=True)
        if kind == NORMAL
        for cut in range(1, len(token))
        if token[:cut] in known and token[cut:] in known
    ]
    found.sort(key=lambda merge: merge[:2], reverse=True)
    return [(left, right) for _, _, left, right in found]
