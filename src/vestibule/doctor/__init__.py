"""The doctor: looks at an EHR connection the way a launch would, and says cause and remedy in words."""
