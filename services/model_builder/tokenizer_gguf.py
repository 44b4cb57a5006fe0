"""Rebuilds a Hugging Face `tokenizer.json` from the vocabulary that a GGUF file carries."""

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from services.model_builder.gguf_file import GgufFile
from services.model_builder.tokenizer_sentencepiece import sentencepiece
from shared.errors import ModelBuildError

CONTROL, USER_DEFINED = 3, 4  # GGUF token types that are found in text before it is split
# What llama.cpp ends a generation at besides the ids that the metadata names.
END_TOKENS = frozenset(
    {
        "<|endoftext|>",
        "<|im_end|>",
        "<|end|>",
        "<|end_of_text|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "</s>",
    }
)
BYTE_PAIRS, SENTENCEPIECE = "gpt2", "llama"  # tokenizer.ggml.model
LLAMA3, QWEN2, SMOLLM = "llama-bpe", "qwen2", "smollm"  # tokenizer.ggml.pre
GPT2 = ("gpt-2", "gpt2")
# Words, numbers of up to {digits} figures, marks and white space, as these models' makers cut them.
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,%s}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def build_tokenizer(gguf: GgufFile) -> Tokenizer:
    """The tokenizer of a GGUF file.

    Returns:
        A tokenizer that gives the token ids llama.cpp gives, special tokens in the text included.

    Raises:
        ModelBuildError: the kind of vocabulary or its splitting of text is not supported.
    """
    kind = gguf.need("tokenizer.ggml.model")
    if kind == BYTE_PAIRS:
        tokenizer = _byte_pairs(gguf)
    elif kind == SENTENCEPIECE:
        tokenizer = sentencepiece(gguf)
    else:
        raise ModelBuildError(
            f"tokenizer.ggml.model {kind!r} is not supported, "
            f"only {BYTE_PAIRS!r} and {SENTENCEPIECE!r}"
        )
    tokens: list[str] = gguf.need("tokenizer.ggml.tokens")
    types = gguf.get("tokenizer.ggml.token_type", [])
    added = [
        AddedToken(token, normalized=False, special=kind_of_token == CONTROL)
        for token, kind_of_token in zip(tokens, types, strict=False)
        if kind_of_token in (CONTROL, USER_DEFINED)
    ]
    tokenizer.add_tokens(added)
    return tokenizer


def _byte_pairs(gguf: GgufFile) -> Tokenizer:
    tokens: list[str] = gguf.need("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in gguf.need("tokenizer.ggml.merges")]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    pre = gguf.get("tokenizer.ggml.pre", "default")
    # Llama 3 takes a word that is a token as it is, whatever its merges would make of it
    model = models.BPE(vocab=vocabulary, merges=merges, ignore_merges=pre == LLAMA3)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = _splitter(pre)
    tokenizer.decoder = decoders.ByteLevel()
    if pre == QWEN2:
        tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def _splitter(name: str) -> pre_tokenizers.PreTokenizer:
    """How text is cut before merges apply, by GGUF's name for it."""
    if name in GPT2:
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if name == SMOLLM:  # each digit stands alone, then GPT-2's own split
        digits = pre_tokenizers.Digits(individual_digits=True)
        return pre_tokenizers.Sequence([digits, _splitter(GPT2[0])])
    if name in (LLAMA3, QWEN2):
        words = Regex(WORDS % ("3" if name == LLAMA3 else "1"))
        split = pre_tokenizers.Split(words, behavior="isolated")
        as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        return pre_tokenizers.Sequence([split, as_bytes])
    known = ", ".join((GPT2[0], SMOLLM, LLAMA3, QWEN2))
    # "default" too: the file does not know how its model's text was cut
    raise ModelBuildError(f"tokenizer.ggml.pre {name!r} is not supported, only {known}")


def wants_begin(gguf: GgufFile) -> bool:
    """Whether every prompt begins with `bos`: as the file says, or else as llama.cpp assumes."""
    assumed = (
        gguf.need("tokenizer.ggml.model") == SENTENCEPIECE
        or gguf.get("tokenizer.ggml.pre") == LLAMA3
    )
    return bool(gguf.get("tokenizer.ggml.add_bos_token", assumed))


def end_token_ids(gguf: GgufFile) -> list[int]:
    """Ids of the tokens that end a generation, sorted."""
    tokens: list[str] = gguf.need("tokenizer.ggml.tokens")
    types: list[int] = gguf.get("tokenizer.ggml.token_type", [])
    keys = [f"tokenizer.ggml.{name}_token_id" for name in ("eos", "eot", "eom")]
    named = {gguf.get(key) for key in keys} - {None}
    by_text = {
        index
        for index, (token, kind) in enumerate(zip(tokens, types, strict=False))
        if kind == CONTROL and token in END_TOKENS
    }
    return sorted(named | by_text)
