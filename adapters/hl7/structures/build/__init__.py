"""The build of the structure tables: hl7apy's modules become the files of ``adapters/hl7/structures/data``."""
