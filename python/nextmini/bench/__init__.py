"""What stands behind `nextmini bench`: measurements of this version, beside what bounds them."""
