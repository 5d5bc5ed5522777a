"""Mass Payout: pays every holder of a tokenised asset exactly what it is owed, exactly once."""
