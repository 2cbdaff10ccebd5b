import hashlib, importlib.util, os, sys, tempfile
import numba
def load_function(text, name, *, cache, fastmath, parallel, stem):
    h = hashlib.sha256(text.encode()).hexdigest()[:16]
    d = os.path.join(tempfile.gettempdir(), "sd_tmp"); os.makedirs(d, exist_ok=True)
    p = os.path.join(d, f"{stem}_{h}.py")
    open(p, "w").write(text)
    spec = importlib.util.spec_from_file_location(f"sd_{stem}_{h}", p)
    m = importlib.util.module_from_spec(spec); sys.modules[m.__name__] = m; spec.loader.exec_module(m)
    return numba.njit(error_model="numpy", fastmath=fastmath)(getattr(m, name))
