"""What each part needs, and the machines that Chameleon's sites have for it: one TOML file a part."""
