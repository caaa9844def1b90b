"""Turn sentences and short passages into vectors: the closer two meanings, the larger the vectors' product."""

import numpy as np

from course_utils.checks import check_texts
from course_utils.memory import say_memory
from course_utils.runtime import load_torch, load_transformers

__all__ = ["LONGEST", "SentenceEncoder", "build_encoder"]

LONGEST = 256  # tokens of a text that are read, by the model's sentence_bert_config.json; its tokenizer's own is 128
BATCH = 32


class SentenceEncoder:
    """all-MiniLM-L6-v2 and its tokenizer, as `course_utils.networks.pretrained.load_sentence_encoder` returns it.

    There to be read: `model` (transformers' BertModel), `tokenizer`, and where the weights come from: `name`, `source`,
    `licence`.
    """

    def __init__(self, model, tokenizer, name, source, licence):
        self.model, self.tokenizer = model, tokenizer
        self.name, self.source, self.licence = name, source, licence

    @say_memory("encode the texts", "Give fewer of them at a time.")
    def encode(self, texts):
        """Return a vector of length 1 for each of the English texts: float32 (n, 384), in their order.

        It is the mean of the last states of a text's tokens, brought to length 1, so the product of two is the cosine
        of their angle (Reimers and Gurevych, 2019, arXiv:1908.10084). Of each text the first `LONGEST` tokens count,
        the marks of its beginning and end among them; what looks like such a mark is text. An empty list, what is no
        text, or half a character raises ValueError.
        """
        texts = check_texts("texts", texts)
        if any("\ud800" <= letter <= "\udfff" for text in texts for letter in text):
            raise ValueError("texts: found half of a character (a surrogate), which has no bytes. Leave it out.")
        torch = load_torch()
        vectors = np.empty((len(texts), self.model.config.hidden_size), np.float32)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))  # so that little is padding
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            cut = self.tokenizer.encode_batch([texts[place] for place in places])
            ids, real = torch.tensor([text.ids for text in cut]), torch.tensor([text.attention_mask for text in cut])
            with torch.inference_mode():
                states = self.model(input_ids=ids, attention_mask=real).last_hidden_state
                sums = (states * real[:, :, None]).sum(dim=1)  # the mean has the same direction
                vectors[places] = torch.nn.functional.normalize(sums, dim=1).numpy()
        return vectors


def build_encoder(weights, tokenizer, name, source, licence):
    """Return a `SentenceEncoder` of the bytes of its two files, model.safetensors and tokenizer.json."""
    from safetensors.torch import load
    from tokenizers import Tokenizer

    transformers = load_transformers()
    sizes = dict(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    model = transformers.BertModel(transformers.BertConfig(**sizes)).eval()  # all else is BERT's
    arrays = load(weights)
    del arrays["embeddings.position_ids"]  # 0, 1, 2, …, which BertModel makes by itself
    model.load_state_dict(arrays)
    cutter = Tokenizer.from_str(tokenizer.decode("utf-8"))
    cutter.encode_special_tokens = True  # what people write stays text
    cutter.enable_truncation(LONGEST)
    cutter.enable_padding()  # only as far as the longest text of a batch
    return SentenceEncoder(model, cutter, name, source, licence)
