"""Rebuilds a Hugging Face `tokenizer.json` from the vocabulary that a GGUF file carries."""

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from services.model_builder.gguf_file import GgufFile
from shared.errors import ModelBuildError

CONTROL, USER_DEFINED = 3, 4  # GGUF token types that are found in text before it is split
# What llama.cpp ends a generation at besides the ids that the metadata names.
END_TOKENS = frozenset({"<|endoftext|>", "<|im_end|>", "<|end|>", "<|eot_id|>", "</s>"})


def build_tokenizer(gguf: GgufFile) -> Tokenizer:
    """The tokenizer of a GGUF file.

    Returns:
        A tokenizer that gives the token ids llama.cpp gives, special tokens in the text included.

    Raises:
        ModelBuildError: the kind of vocabulary or its splitting of text is not supported.
    """
    kind = gguf.need("tokenizer.ggml.model")
    if kind != "gpt2":
        raise ModelBuildError(f"tokenizer.ggml.model {kind!r} is not supported, only 'gpt2'")
    tokens: list[str] = gguf.need("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in gguf.need("tokenizer.ggml.merges")]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = _splitter(gguf.need("tokenizer.ggml.pre"))
    tokenizer.decoder = decoders.ByteLevel()
    types = gguf.get("tokenizer.ggml.token_type", [])
    for token, kind_of_token in zip(tokens, types, strict=False):
        if kind_of_token in (CONTROL, USER_DEFINED):
            special = kind_of_token == CONTROL
            tokenizer.add_tokens([AddedToken(token, normalized=False, special=special)])
    return tokenizer


def _splitter(name: str) -> pre_tokenizers.PreTokenizer:
    """How text is cut before merges apply, by GGUF's name for it."""
    if name == "smollm":  # each digit stands alone, then GPT-2's own split
        digits = pre_tokenizers.Digits(individual_digits=True)
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        return pre_tokenizers.Sequence([digits, byte_level])
    raise ModelBuildError(f"tokenizer.ggml.pre {name!r} is not supported, only 'smollm'")


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
