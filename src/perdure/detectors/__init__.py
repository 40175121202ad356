"""Detectors in front of the gate: networks in ONNX files, told apart by their outputs, and functions of the user."""
