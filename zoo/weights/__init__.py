"""Released weights, one safetensors file per card."""
