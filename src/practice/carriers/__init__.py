"""Carriers as the practice hospital's neighbours have them: texts by two vendors' interfaces, mail, and the phones that show them."""
