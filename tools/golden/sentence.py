"""Makes the golden vectors under data/golden/sentence: tiny random sentence encoders and what sentence-transformers makes of texts.

    python tools/golden/sentence.py                # rewrites data/golden/sentence
    python tools/golden/sentence.py --parity MODEL OUT  # sentence-transformers' vectors of 100 sentences into OUT, for a local check

Encoders are transformers' own, pooling, dense layers and normalization sentence-transformers'. Everything is generated from
fixed seeds, without third-party weights or vocabulary.
"""

import argparse
import json
import math
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel, XLMRobertaConfig, XLMRobertaModel

OUT = Path(__file__).resolve().parents[2] / "data" / "golden" / "sentence"
CORPUS = ["a photo of a cat", "a photo of a dog in the park", "a long walk along the river", "one black cat sleeps", "two dogs play",
          "一只猫的照片", "ein Foto von einer Katze", "query: passage: what is seen here"] * 4
TEXTS = [
    "a photo of a cat",
    "A PHOTO  of\ta cat\n",
    "",
    " ",
    "red, green & blue! 1234 it's we'll",
    "一只猫的照片",
    "Ein Foto über Straßen — été",
    "🐈‍⬛ cat 🎉🎉",
    "a very long walk " * 200,
    "a walk of <pad> and [PAD] and </s> in the park",
    "x",
    "two dogs play in the park along the river " * 5,
]
SIZES = dict(hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4)


def wordpiece(lower: bool, special: dict[str, str]) -> Tokenizer:
    """BERT's tokenizer; with other special tokens it is MPNet's."""
    result = Tokenizer(models.WordPiece(unk_token=special["unk"]))
    result.normalizer = normalizers.BertNormalizer(lowercase=lower)
    result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = list(dict.fromkeys(special[key] for key in ("cls", "pad", "sep", "unk", "mask")))
    trainer = trainers.WordPieceTrainer(vocab_size=160, special_tokens=names, continuing_subword_prefix="##", show_progress=False)
    result.train_from_iterator(CORPUS, trainer)
    cls, sep = special["cls"], special["sep"]
    result.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}", special_tokens=[(cls, result.token_to_id(cls)), (sep, result.token_to_id(sep))])
    return result


def unigram() -> Tokenizer:
    """XLM-RoBERTa's tokenizer: SentencePiece's unigram model, ids in fairseq's order."""
    result = Tokenizer(models.Unigram())
    result.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace("  ", " ")])
    result.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    result.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=150, special_tokens=special, unk_token="<unk>", show_progress=False))
    result.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    result.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return result


BERT_TOKENS = dict(cls="[CLS]", pad="[PAD]", sep="[SEP]", unk="[UNK]", mask="[MASK]")
MPNET_TOKENS = dict(cls="<s>", pad="<pad>", sep="</s>", unk="[UNK]", mask="<mask>")


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Weights large enough that every part shows in the output."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "embeddings." in name and parameter.dim() == 2:
                parameter.normal_(0, 0.7)
            elif "relative_attention_bias" in name:
                parameter.normal_(0, 1.5)
            elif parameter.dim() >= 2:
                parameter.normal_(0, 1.2 / math.sqrt(parameter[0].numel()))
            elif "LayerNorm" in name:
                parameter.normal_(1.0 if name.endswith("weight") else 0.0, 0.3)
            else:
                parameter.normal_(0, 0.5)


def write(folder: Path, name: str, content) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def dense(folder: Path, inputs: int, outputs: int, seed: int) -> None:
    torch.manual_seed(seed)
    write(folder, "config.json", dict(in_features=inputs, out_features=outputs, bias=True,
                                      activation_function="torch.nn.modules.activation.Tanh"))
    save_file({"linear.weight": torch.randn(outputs, inputs) / math.sqrt(inputs), "linear.bias": torch.randn(outputs) / 4},
              folder / "model.safetensors", metadata={"format": "pt"})


def save(name: str, model: torch.nn.Module, tokenizer: Tokenizer, modules: list[str], files: dict, prefix: str = "", half: bool = False) -> None:
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    special = MPNET_TOKENS if name.startswith("mpnet") else BERT_TOKENS
    if name.startswith("xlm"):
        special = dict(cls="<s>", pad="<pad>", sep="</s>", unk="<unk>", mask="<mask>")
    tokenizer.save(str(folder / "tokenizer.json"))
    write(folder, "tokenizer_config.json", {f"{key}_token": value for key, value in special.items()}
          | dict(tokenizer_class="PreTrainedTokenizerFast", model_max_length=files.pop("model_max_length", 512)))
    model.config.save_pretrained(folder)
    dtype = torch.float16 if half else torch.float32
    tensors = {prefix + key: value.to(dtype).contiguous() for key, value in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    write(folder, "modules.json", [dict(idx=i, name=str(i), path="" if i == 0 else f"{i}_{kind}", type=f"sentence_transformers.models.{kind}")
                                   for i, kind in enumerate(modules)])
    for file, content in files.items():
        write(folder, file, content)


def expected(name: str, **encode) -> None:
    """Vectors and token ids, by sentence-transformers from the files alone."""
    model = SentenceTransformer(str(OUT / name), device="cpu", model_kwargs=dict(dtype=torch.float32))
    prompt = encode.get("prompt", "")
    vectors = model.encode(TEXTS, convert_to_numpy=True, batch_size=4, **encode)
    # One at a time: sentence-transformers pads batches, and the file is to hold what a text alone has.
    tokens = [model.tokenizer(prompt + text, truncation=True)["input_ids"] for text in TEXTS]
    rows = [[float(f"{x:.7g}") for x in row] for row in vectors.tolist()]
    (OUT / name / "expected.json").write_text(json.dumps(dict(tokens=tokens, texts=rows)) + "\n")


def pooling(**fields) -> dict:
    return {"1_Pooling/config.json": dict(word_embedding_dimension=48, **fields)}


def make() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "texts.json").write_text(json.dumps(TEXTS, ensure_ascii=False) + "\n")
    # BERT as all-MiniLM: mean, normalized, truncated below the positions that there are.
    tokens = wordpiece(True, BERT_TOKENS)
    model = BertModel(BertConfig(vocab_size=tokens.get_vocab_size(), max_position_embeddings=64, type_vocab_size=2, pad_token_id=tokens.token_to_id("[PAD]"), **SIZES)).eval()
    randomise(model, 1)
    save("bert", model, tokens, ["Transformer", "Pooling", "Normalize"],
         {"sentence_bert_config.json": dict(max_seq_length=40, do_lower_case=False), **pooling(pooling_mode_mean_tokens=True)})
    expected("bert")
    # BERT with its task's prefix, in half precision: first token and maximum together, a dense layer, lower case by the module.
    tokens = wordpiece(False, BERT_TOKENS)
    model = BertModel(BertConfig(vocab_size=tokens.get_vocab_size() + 3, max_position_embeddings=64, type_vocab_size=2, hidden_act="relu", layer_norm_eps=1e-5, **SIZES)).eval()
    randomise(model, 2)
    model.half().float()
    save("bert-dense", model, tokens, ["Transformer", "Pooling", "Dense"],
         {"sentence_bert_config.json": dict(max_seq_length=64, do_lower_case=True),
          **pooling(pooling_mode_cls_token=True, pooling_mode_max_tokens=True, pooling_mode_mean_tokens=False)}, prefix="bert.", half=True)
    dense(OUT / "bert-dense" / "2_Dense", 96, 20, 3)
    expected("bert-dense")
    # XLM-RoBERTa as multilingual E5: a prompt, the mean, normalized; its pooler is left out of the file's use.
    tokens = unigram()
    sizes = dict(vocab_size=tokens.get_vocab_size(), max_position_embeddings=66, type_vocab_size=1, pad_token_id=1)
    model = XLMRobertaModel(XLMRobertaConfig(**sizes, **SIZES)).eval()
    randomise(model, 4)
    save("xlm-roberta", model, tokens, ["Transformer", "Pooling", "Normalize"],
         {"sentence_bert_config.json": dict(max_seq_length=512, do_lower_case=False), "model_max_length": 512, **pooling(pooling_mode_mean_tokens=True),
          "config_sentence_transformers.json": dict(prompts=dict(query="query: ", passage="passage: "), default_prompt_name=None)}, prefix="roberta.")
    # max_seq_length beyond the positions fails in the reference, so it reads a shorter one there.
    write(OUT / "xlm-roberta", "sentence_bert_config.json", dict(max_seq_length=64, do_lower_case=False))
    expected("xlm-roberta", prompt="query: ")
    write(OUT / "xlm-roberta", "sentence_bert_config.json", dict(max_seq_length=512, do_lower_case=False))
    # XLM-RoBERTa as bge-m3: the first token; and all other poolings, without the prompt's tokens.
    randomise(model, 5)
    save("xlm-roberta-modes", model, tokens, ["Transformer", "Pooling"],
         {"model_max_length": 64, "1_Pooling/config.json": dict(
             embedding_dimension=48, pooling_mode=["cls", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"], include_prompt=False),
          "config_sentence_transformers.json": dict(prompts=dict(document="here is seen: "), default_prompt_name="document")})
    expected("xlm-roberta-modes", prompt="here is seen: ")
    # MPNet as all-mpnet-base: distances up to the last bucket.
    tokens = wordpiece(True, MPNET_TOKENS)
    model = MPNetModel(MPNetConfig(vocab_size=tokens.get_vocab_size(), max_position_embeddings=182, **SIZES)).eval()
    randomise(model, 6)
    save("mpnet", model, tokens, ["Transformer", "Pooling", "Normalize"],
         {"sentence_bert_config.json": dict(max_seq_length=180, do_lower_case=False), **pooling(pooling_mode_mean_tokens=True)}, prefix="mpnet.")
    expected("mpnet")


def parity(name: str, out: Path) -> None:
    """Vectors of 100 sentences of all lengths, and the sentences."""
    words = "a photo of red green small old cats dogs puppies sneakers cars near the river on a table 一只 猫 über Straßen it's 1,234 — été 🐈".split()
    generator = torch.Generator().manual_seed(0)
    sentences = []
    for number in range(100):
        count = 1 + number if number < 60 else (number - 59) * 12
        picks = torch.randint(len(words), (count,), generator=generator).tolist()
        sentences.append(" ".join(words[pick] for pick in picks))
    vectors = SentenceTransformer(name, device="cpu").encode(sentences, convert_to_numpy=True)
    out.write_text(json.dumps(dict(sentences=sentences, vectors=vectors.tolist()), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--parity", nargs=2, metavar=("MODEL", "OUT"))
    arguments = parser.parse_args()
    if arguments.parity:
        parity(arguments.parity[0], Path(arguments.parity[1]))
    else:
        make()
