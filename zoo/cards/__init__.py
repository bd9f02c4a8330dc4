"""Cards: one TOML file per released weight file (data, protocol, licence, scores, limits)."""
