from keyturn.errors import KeyturnError as KeyturnError
from keyturn.jose.ec_primitive import PrimitiveName as PrimitiveName
from keyturn.jose.ec_primitive import use_primitive as use_primitive
from keyturn.jose.errors import TokenRejected as TokenRejected
from keyturn.secret import Secret as Secret
from keyturn.verify.jwks_policy import CachePolicy as CachePolicy
from keyturn.verify.reports import Alarm as Alarm
from keyturn.verify.reports import AlarmKind as AlarmKind
from keyturn.verify.reports import Health as Health
from keyturn.verify.reports import KeysUnavailable as KeysUnavailable
from keyturn.verify.token_cache import TokenCachePolicy as TokenCachePolicy
from keyturn.wiring.verifier import Verifier as Verifier
from keyturn.wiring.verifier_options import ANY_AUDIENCE as ANY_AUDIENCE
from keyturn.wiring.verifier_options import ANY_ISSUER as ANY_ISSUER
from keyturn.wiring.verifier_options import AlgorithmName as AlgorithmName
from keyturn.wiring.verifier_options import AnyAudience as AnyAudience
from keyturn.wiring.verifier_options import AnyIssuer as AnyIssuer

__version__: str
__all__: list[str]
