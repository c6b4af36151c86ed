"""The local page on which people look at the hairs, correct them and sign photos off."""
