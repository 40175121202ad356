"""Language models in a GGUF file on this machine, run by llama.cpp in this process (extra `llm`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from perdure.explain.endpoint import content_of, messages, within
from perdure.explain.language_model import MOST_BYTES, ModelFailed
from perdure.extras import require

MAGIC = b"GGUF"
CONTEXT = 8192
"""Tokens that a task with its data may have."""


class LocalModel:
    """A model in a file.

    Args:
        path: of the .gguf file.
        timeout_s: for an answer.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no GGUF file, llama.cpp cannot load it, or the extra is not installed.
    """

    def __init__(self, path: Path, *, timeout_s: float = 120.0) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"gguf: {path} does not exist; give a model file for llama.cpp")
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ValueError(f"gguf: {path} is no GGUF file; give a model file for llama.cpp")
        require("xllamacpp")
        import xllamacpp  # type: ignore[import-not-found,unused-ignore]

        params = xllamacpp.CommonParams()
        params.model.path, params.n_ctx, params.n_predict = str(path), CONTEXT, 800
        # Both cores of a busy machine of two are many times slower than one.
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, (os.cpu_count() or 1) // 2)
        params.sampling.temp = 0.0
        try:
            self._server = xllamacpp.Server(params)
        except Exception as error:
            raise ValueError(f"gguf: {path} cannot be loaded ({' '.join(str(error).split())})") from error
        self.name, self.timeout_s = path.name, timeout_s

    def complete(self, task: str, data: dict[str, Any], schema: dict[str, Any]) -> str:
        """Returns the JSON of the model; see `Chat.complete`."""
        asked = {
            "messages": messages(task, data, schema),
            "temperature": 0,
            "max_tokens": 800,
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
        }
        text = within(self.timeout_s, lambda: content_of(self._server.handle_chat_completions(asked)))
        if len(text) > MOST_BYTES:
            raise ModelFailed("it answered with too much")
        return text
