<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Declared;

/**
 * Recognises the names of secrets and card data; none of them ever leaves the shop.
 */
class SecretNames
{
    /**
     * The bridge has the same expression in catalog/declared.py; a test compares the two.
     */
    private const PATTERN = '/pass(word|wd|phrase)|token|secret|credential|cvv|cvc|(^|_)(cid|pin|iban)$|(^|_)cc_|(^|_)pan$'
        . '|card_?num|(api|private|public|crypt|access|consumer|encryption|signature)_?key|session_?id'
        . '|protect_code|additional_information|auth_?code/i';

    /**
     * Returns whether a path or a name leads to a secret.
     */
    public function isSecret(string $path): bool
    {
        foreach (explode('.', str_replace('[]', '', $path)) as $segment) {
            if (preg_match(self::PATTERN, $segment)) {
                return true;
            }
        }

        return false;
    }
}
