"""The results for people and programs: one module and one template a section of the report."""
