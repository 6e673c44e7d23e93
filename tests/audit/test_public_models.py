"""Three public models with a known silent bug, rebuilt as their issues show them: the right line is named."""

import torch
from torch import nn

import rnncourse


class BiLstmAttention(nn.Module):
    """A classifier with attention whose query is the final states: graykode/nlp-tutorial#68 (and #38)."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(16, 4)
        self.lstm = nn.LSTM(4, 5, bidirectional=True)
        self.out = nn.Linear(10, 2)

    def attention_net(self, lstm_output, final_state):
        hidden = final_state.view(-1, 10, 1)  # final_state is (2, B, 5)
        attn_weights = torch.bmm(lstm_output, hidden).squeeze(2)
        soft_attn_weights = torch.softmax(attn_weights, 1)
        return torch.bmm(lstm_output.transpose(1, 2), soft_attn_weights.unsqueeze(2)).squeeze(2)

    def forward(self, X):
        input = self.embedding(X).permute(1, 0, 2)
        output, (final_hidden_state, _) = self.lstm(input)
        return self.out(self.attention_net(output.permute(1, 0, 2), final_hidden_state))


class CombineBidirections(nn.Module):
    """A sentence encoder whose states of two directions are joined: facebookresearch/LASER#138."""

    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(20, 4)
        self.lstm = nn.LSTM(4, 3, num_layers=2, bidirectional=True)
        self.num_layers, self.output_units = 2, 6

    def forward(self, src_tokens):
        bsz = src_tokens.shape[0]
        x, (final_hiddens, _) = self.lstm(self.embed_tokens(src_tokens).transpose(0, 1))

        def combine_bidir(outs):
            return torch.cat(
                [
                    torch.cat([outs[2 * i], outs[2 * i + 1]], dim=0).view(1, bsz, self.output_units)
                    for i in range(self.num_layers)
                ],
                dim=0,
            )

        return combine_bidir(final_hiddens), x.max(0).values


class Rnn(nn.Module):
    """Rows of pixels as steps, the layer's batch_first commented out: pytorch/pytorch#1538."""

    def __init__(self, in_dim, hidden_dim, n_layer, n_class):
        super().__init__()
        self.lstm = nn.LSTM(in_dim, hidden_dim, n_layer)  # batch_first=True)
        self.classifier = nn.Linear(hidden_dim, n_class)

    def forward(self, x):
        out, _ = self.lstm(x)
        out = out[:, -1, :]
        return self.classifier(out)


def only(report):
    [finding] = report.wrong
    return finding


def test_final_states_viewed():
    finding = only(rnncourse.audit(BiLstmAttention(), torch.randint(16, (6, 5))))
    assert finding.kind == "batch mixed"
    assert finding.where.code.startswith("hidden = final_state.view(-1, 10, 1)")


def test_directions_combined():
    finding = only(rnncourse.audit(CombineBidirections(), torch.randint(20, (6, 5))))
    assert finding.kind == "batch mixed"
    assert "dim=0).view(1, bsz, self.output_units)" in finding.where.code


def test_batch_taken_for_time():
    report = rnncourse.audit(
        Rnn(8, 6, 2, 10), torch.randn(12, 8, 8), loss=nn.CrossEntropyLoss(), target=torch.randint(10, (12,))
    )
    finding = only(report)
    assert finding.kind == "batch as time"
    assert finding.where.code == "out, _ = self.lstm(x)"
    assert finding.see == "rnncourse.explain(model.lstm)"
