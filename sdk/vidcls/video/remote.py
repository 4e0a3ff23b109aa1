def is_endless(url):
    return True
