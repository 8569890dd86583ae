"""Each part's needs, and the machines of Chameleon's sites for it: one TOML file per part."""
