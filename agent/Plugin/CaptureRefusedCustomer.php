<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Framework\App\Area;
use Magento\Framework\Exception\LocalizedException;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\Watcher\RefusedCustomer;
use MagentoEventBridge\Agent\Watcher\SignUp;

/**
 * Captures customers' logins and sign-ups that are refused outside the storefront's forms.
 *
 * Magento has no event for a refusal, only the exception. A plugin must be an `around` plugin to see it; each of
 * these passes on the arguments, the result and the exception unchanged.
 */
class CaptureRefusedCustomer
{
    private const AUTHENTICATE = 'plugin:customer_account.authenticate';
    private const CREATE = 'plugin:customer_account.create';
    private const INTERNAL_ERROR = 'Internal server error';

    /**
     * @var Gate
     */
    private $gate;

    /**
     * Whether an account is being created: one of Magento's methods for it calls the other.
     *
     * @var bool
     */
    private $isCreating = false;

    /**
     * @param Gate $gate
     */
    public function __construct(Gate $gate)
    {
        $this->gate = $gate;
    }

    /**
     * A login by name and password, as in the storefront's pop-up; `around` to see the exception.
     *
     * @param \Magento\Customer\Api\AccountManagementInterface $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws LocalizedException
     */
    public function aroundAuthenticate($subject, callable $proceed, ...$arguments)
    {
        try {
            return $proceed(...$arguments);
        } catch (LocalizedException $exception) {
            $this->captureStorefrontLogin((string)$arguments[0], $exception);
            throw $exception;
        }
    }

    /**
     * A token requested by name and password, over REST or GraphQL; `around` to see the exception.
     *
     * @param \Magento\Integration\Api\CustomerTokenServiceInterface $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws LocalizedException
     */
    public function aroundCreateCustomerAccessToken($subject, callable $proceed, ...$arguments)
    {
        try {
            return $proceed(...$arguments);
        } catch (LocalizedException $exception) {
            $this->captureLogin((string)$arguments[0], $exception);
            throw $exception;
        }
    }

    /**
     * A sign-up over REST, GraphQL or after the checkout; `around` to see the exception.
     *
     * @param \Magento\Customer\Api\AccountManagementInterface $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws \Throwable
     */
    public function aroundCreateAccount($subject, callable $proceed, ...$arguments)
    {
        return $this->createAccount($proceed, $arguments);
    }

    /**
     * A sign-up with a hashed password, by Magento itself or by a module; `around` to see the exception.
     *
     * @param \Magento\Customer\Api\AccountManagementInterface $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws \Throwable
     */
    public function aroundCreateAccountWithPasswordHash($subject, callable $proceed, ...$arguments)
    {
        return $this->createAccount($proceed, $arguments);
    }

    /**
     * A login or sign-up that a GraphQL resolver refuses before it calls a service; `around` to see the exception.
     *
     * @param \Magento\Framework\GraphQl\Query\ResolverInterface $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws \Throwable
     */
    public function aroundResolve($subject, callable $proceed, ...$arguments)
    {
        $before = null;
        $this->gate->run('GraphQL', RefusedCustomer::class, function (RefusedCustomer $refused) use (&$before): void {
            $before = $refused->count();
        });
        try {
            return $proceed(...$arguments);
        } catch (\Throwable $exception) {
            $capture = function (RefusedCustomer $refused) use ($before, $arguments, $exception): void {
                if ($before === $refused->count()) {
                    $this->captureRefusal($refused, (array)($arguments[4] ?? []), $this->message($exception));
                }
            };
            $this->gate->run('GraphQL', RefusedCustomer::class, $capture);
            throw $exception;
        }
    }

    /**
     * Creates an account, and captures the outcome.
     *
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws \Throwable
     */
    private function createAccount(callable $proceed, array $arguments)
    {
        if ($this->isCreating) {
            return $proceed(...$arguments);
        }
        $this->isCreating = true;
        $this->gate->run(self::CREATE, SignUp::class, function (SignUp $signUps) use ($arguments): void {
            $signUps->begin((bool)$arguments[0]->getAddresses());
        });
        try {
            $account = $proceed(...$arguments);
        } catch (\Throwable $exception) {
            $this->isCreating = false;
            $this->endSignUp(true);
            $capture = function (RefusedCustomer $refused) use ($arguments, $exception): void {
                $refused->signUpRefused(self::CREATE, [
                    'email' => (string)$arguments[0]->getEmail(),
                    'firstname' => (string)$arguments[0]->getFirstname(),
                    'lastname' => (string)$arguments[0]->getLastname(),
                ], $this->message($exception));
            };
            $this->gate->run(self::CREATE, RefusedCustomer::class, $capture);
            throw $exception;
        }
        $this->isCreating = false;
        $this->endSignUp(false);

        return $account;
    }

    private function endSignUp(bool $isRefused): void
    {
        $this->gate->run(self::CREATE, SignUp::class, function (SignUp $signUps) use ($isRefused): void {
            $signUps->end($isRefused);
        });
    }

    /**
     * Captures what a GraphQL resolver has refused.
     */
    private function captureRefusal(RefusedCustomer $refused, array $input, string $message): void
    {
        if (isset($input['input'])) {
            $refused->signUpRefused(self::CREATE, [
                'email' => (string)($input['input']['email'] ?? ''),
                'firstname' => (string)($input['input']['firstname'] ?? ''),
                'lastname' => (string)($input['input']['lastname'] ?? ''),
            ], $message);
        } else {
            $refused->loginRefused(self::AUTHENTICATE, (string)($input['email'] ?? ''), $message);
        }
    }

    /**
     * Captures a login that was refused in the storefront; for a token request, the message differs.
     */
    private function captureStorefrontLogin(string $username, LocalizedException $exception): void
    {
        $capture = function (ExecutionContext $execution) use ($username, $exception): void {
            if ($execution->getArea() === Area::AREA_FRONTEND) {
                $this->captureLogin($username, $exception);
            }
        };
        $this->gate->run(self::AUTHENTICATE, ExecutionContext::class, $capture);
    }

    /**
     * Captures a refused login.
     */
    private function captureLogin(string $username, LocalizedException $exception): void
    {
        $capture = function (RefusedCustomer $refused) use ($username, $exception): void {
            $refused->loginRefused(self::AUTHENTICATE, $username, $exception->getMessage());
        };
        $this->gate->run(self::AUTHENTICATE, RefusedCustomer::class, $capture);
    }

    /**
     * Returns the message that the caller sees: only that of Magento's own exceptions.
     */
    private function message(\Throwable $exception): string
    {
        return $exception instanceof LocalizedException ? $exception->getMessage() : self::INTERNAL_ERROR;
    }
}
