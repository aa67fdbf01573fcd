"""Whether a device multiplies matrices in bf16."""

import torch


def is_bf16(asked: str, device: torch.device) -> bool:
    """For a setting (``auto``, ``bf16``, ``fp32``): by itself, where the device is faster at it."""
    if asked != "auto":
        return asked == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    units = torch.cpu.get_capabilities()
    return any(units.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
