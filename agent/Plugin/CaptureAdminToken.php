<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\Watcher\AdminToken;

/**
 * Captures logins of admin users by REST and SOAP tokens, for which Magento has no event.
 *
 * With two-factor authentication, services call each other: the outermost one knows whether the second factor
 * was given too. All methods are `around` plugins, because only these see an exception; each passes on the
 * arguments, the result and the exception unchanged.
 */
class CaptureAdminToken
{
    /**
     * Magento's service that checks name and password only, and then always refuses with the next step.
     */
    private const FIRST_FACTOR = 'Magento\TwoFactorAuth\Api\AdminTokenServiceInterface';

    /**
     * @var Gate
     */
    private $gate;

    /**
     * @var int
     */
    private $depth = 0;

    /**
     * Whether name and password were accepted.
     *
     * @var bool
     */
    private $isKnown = false;

    /**
     * @param Gate $gate
     */
    public function __construct(Gate $gate)
    {
        $this->gate = $gate;
    }

    /**
     * A token by REST or SOAP.
     *
     * @param object $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws \Throwable
     */
    public function aroundCreateAdminAccessToken($subject, callable $proceed, ...$arguments)
    {
        return $this->call($proceed, $arguments, !is_a($subject, self::FIRST_FACTOR));
    }

    /**
     * A token after the code of Authy or Duo Security.
     *
     * @param object $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws \Throwable
     */
    public function aroundCreateAdminAccessTokenWithCredentials($subject, callable $proceed, ...$arguments)
    {
        return $this->call($proceed, $arguments, true);
    }

    /**
     * A token after a confirmation in Authy (the name is Magento's).
     *
     * @param object $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws \Throwable
     */
    public function aroundCreatAdminAccessTokenWithOneTouch($subject, callable $proceed, ...$arguments)
    {
        return $this->call($proceed, $arguments, true);
    }

    /**
     * The first factor, before Authy sends a code.
     *
     * @param object $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws \Throwable
     */
    public function aroundSendToken($subject, callable $proceed, ...$arguments)
    {
        return $this->call($proceed, $arguments, false);
    }

    /**
     * The first factor, before Duo Security is asked.
     *
     * @param object $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws \Throwable
     */
    public function aroundGetAuthenticateData($subject, callable $proceed, ...$arguments)
    {
        return $this->call($proceed, $arguments, false);
    }

    /**
     * The first factor, before a U2F key is asked.
     *
     * @param object $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws \Throwable
     */
    public function aroundGetAuthenticationData($subject, callable $proceed, ...$arguments)
    {
        return $this->call($proceed, $arguments, false);
    }

    /**
     * Calls a service, and captures the outcome of the outermost one.
     *
     * @param callable $proceed
     * @param mixed[] $arguments the first is the user's name
     * @param bool $isLogin whether the service logs in by returning
     * @return mixed
     * @throws \Throwable
     */
    private function call(callable $proceed, array $arguments, bool $isLogin)
    {
        $this->depth++;
        $isOutermost = $this->depth === 1;
        try {
            $result = $proceed(...$arguments);
        } catch (\Throwable $exception) {
            if ($isOutermost && ($isLogin || !$this->isKnown)) {
                $this->capture('refused', (string)$arguments[0]);
            }
            throw $exception;
        } finally {
            $this->depth--;
            $this->isKnown = $isOutermost ? false : !isset($exception);
        }
        if ($isOutermost && $isLogin) {
            $this->capture('created', (string)$arguments[0]);
        }

        return $result;
    }

    /**
     * Captures an outcome.
     */
    private function capture(string $outcome, string $username): void
    {
        $this->gate->run('admin_token', AdminToken::class, function (AdminToken $tokens) use ($outcome, $username): void {
            $tokens->$outcome($username);
        });
    }
}
