"""Released weights beside their cards: loading, verifying, exporting."""
