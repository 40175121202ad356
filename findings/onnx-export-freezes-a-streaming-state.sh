#!/usr/bin/env bash
# Guess:  a streaming module that keeps its state in a registered buffer and updates it in forward either becomes an
#         ONNX graph with the state as input and output, or cannot be exported.
# Really: torch.onnx.export(dynamo=True) writes a graph without the state: the buffer becomes a constant, its update is
#         left out, and every call answers like the first frame of a stream. No exception, no warning that names the
#         buffer, and onnxruntime agrees with the module on the first call, which is what export checks compare.
#         torch.export.export alone keeps the state. Pass it in and out by hand.
# Seen:   torch 2.13.0, torch/onnx/_internal/exporter/_core.py (outputs of kind BUFFER_MUTATION of the exported program
#         are no outputs of the graph); state kept by torch/export, ExportedProgram.module. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import contextlib
import io
import logging
import warnings

import numpy as np
import onnxruntime
import torch

logging.disable(logging.WARNING)


class Average(torch.nn.Module):
    """Running average of frames, half the weight on the past."""

    def __init__(self):
        super().__init__()
        self.register_buffer("past", torch.zeros(4))

    def forward(self, frame):
        self.past = 0.5 * self.past + frame
        return self.past + 0.0


frame = torch.ones(4)
module, exported = Average().eval(), torch.export.export(Average().eval(), (frame,)).module()
with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter("always")
    torch.onnx.export(Average().eval(), (frame,), "average.onnx", dynamo=True, verbose=False)
session = onnxruntime.InferenceSession("average.onnx")
name = session.get_inputs()[0].name
answers = {
    "module": [float(module(frame)[0]) for _ in range(3)],
    "torch.export": [float(exported(frame)[0]) for _ in range(3)],
    "onnxruntime": [float(session.run(None, {name: np.ones(4, np.float32)})[0][0]) for _ in range(3)],
}
print("torch", torch.__version__, "onnxruntime", onnxruntime.__version__)
for who, values in answers.items():
    print(f"{who:13s} three frames of ones: {values}")
named = [str(each.message) for each in caught if "past" in str(each.message) or "mutat" in str(each.message)]
print(f"{len(session.get_inputs())} input, {len(session.get_outputs())} output, warnings that name the state: {named}")
assert answers["module"] == answers["torch.export"] == [1.0, 1.5, 1.75], answers
assert answers["onnxruntime"] == [1.0, 1.0, 1.0] and not named, (answers, named)
PY
