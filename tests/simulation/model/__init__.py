"""An independent model of what the functions must do, written from the design and not from their code.

``situation`` is what stands before a check: payments, batches, levers, the market, the instance's clock. ``levers``
reads the operators' documents, ``decision`` says what the check must come to, ``claims`` which payments a new batch
must hold, ``exchanges`` what ChangeNow's word makes of the batches that are out, ``callbacks`` how a callback must be
answered, and ``judge`` compares all of it with what was seen. Where a figure of ChangeNow decides, the model knows it
to a few percent: what is nearer to the limit than that may go either way, all else may not.
"""
