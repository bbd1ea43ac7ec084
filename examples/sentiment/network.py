"""The network: what single words say, what pairs and triples of words say, and what three words in a row
look like.

Word vectors are averaged; a convolution over three words finds patterns, of which the strongest and the
average count; pairs and triples of words have small vectors of their own in one hashed table.
"""

import torch
import torch.nn.functional as F
from torch import nn

WORD_WIDTH, FILTERS = 48, 64
PAIRS, PAIR_WIDTH = 1 << 17, 8
SHIFT = (1000003, 7919, 104729)  # the hash of a pair or triple: its word numbers times these, plus a salt
BIGRAM, TRIGRAM = 0, 12345


class Network(nn.Module):
    def __init__(
        self, vocabulary: int, drop_features: float = 0.5, drop_vectors: float = 0.4, drop_words: float = 0.25
    ):
        super().__init__()
        self.words = nn.Embedding(vocabulary, WORD_WIDTH, padding_idx=0)
        self.pairs = nn.Embedding(PAIRS, PAIR_WIDTH)
        self.filters = nn.Conv1d(WORD_WIDTH, FILTERS, 3, padding=1)
        self.final = nn.Linear(WORD_WIDTH + 2 * FILTERS + 2 * PAIR_WIDTH, 2)
        self.drop_features, self.drop_vectors, self.drop_words = drop_features, drop_vectors, drop_words
        with torch.no_grad():
            self.words.weight.normal_(0, 0.1)[0] = 0
            self.pairs.weight.normal_(0, 0.02)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """int64 [batch, length], 0 after the last word of a text; returns logits [batch, 2]."""

        def drop(values: torch.Tensor, share: float) -> torch.Tensor:
            return F.dropout(values, share, self.training)

        if self.training:
            hidden = (torch.rand(numbers.shape) < self.drop_words) & (numbers > 1)
            numbers = torch.where(hidden, 1, numbers)
        present = (numbers > 0).unsqueeze(2)
        count = present.sum(1).clamp(min=1).float()

        vectors = drop(self.words(numbers) * present, self.drop_vectors)
        found = F.relu(self.filters(vectors.transpose(1, 2))) * present.transpose(1, 2)
        following = F.pad(numbers[:, 1:], (0, 1))
        after = F.pad(following[:, 1:], (0, 1))
        key = numbers * SHIFT[0] + following * SHIFT[1]
        pairs = self.pairs((key + BIGRAM) % PAIRS) * (following > 0).unsqueeze(2)
        triples = self.pairs((key + after * SHIFT[2] + TRIGRAM) % PAIRS) * (after > 0).unsqueeze(2)
        features = torch.cat(
            [
                vectors.sum(1) / count,
                found.amax(2),
                found.sum(2) / count,
                drop(pairs.sum(1) / count.sqrt(), self.drop_vectors),
                drop(triples.sum(1) / count.sqrt(), self.drop_vectors),
            ],
            1,
        )
        return self.final(drop(features, self.drop_features))
