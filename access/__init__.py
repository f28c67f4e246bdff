"""Who may, and what for: people, contracts, rosters, emergencies, grants, inquiries; policy; lifecycle."""
