"""What is kept: organisations, areas, customers, usage; the table of items; lookup; demo data."""
