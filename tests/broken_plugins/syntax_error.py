def register_surfaces(register:
    pass
