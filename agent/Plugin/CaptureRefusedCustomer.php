<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Framework\App\Area;
use Magento\Framework\Exception\LocalizedException;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Fence;
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
     * @var Fence
     */
    private $fence;

    /**
     * @var RefusedCustomer
     */
    private $refused;

    /**
     * @var SignUp
     */
    private $signUps;

    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * Whether an account is being created: one of Magento's methods for it calls the other.
     *
     * @var bool
     */
    private $isCreating = false;

    /**
     * @param Fence $fence
     * @param RefusedCustomer $refused
     * @param SignUp $signUps
     * @param ExecutionContext $execution
     */
    public function __construct(Fence $fence, RefusedCustomer $refused, SignUp $signUps, ExecutionContext $execution)
    {
        $this->fence = $fence;
        $this->refused = $refused;
        $this->signUps = $signUps;
        $this->execution = $execution;
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
            // For a token request, the message differs.
            if ($this->execution->getArea() === Area::AREA_FRONTEND) {
                $this->captureLogin((string)$arguments[0], $exception);
            }
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
        $this->fence->run('GraphQL', function () use (&$before): void {
            $before = $this->refused->count();
        });
        try {
            return $proceed(...$arguments);
        } catch (\Throwable $exception) {
            $this->fence->run('GraphQL', function () use ($before, $arguments, $exception): void {
                $input = (array)($arguments[4] ?? []);
                if ($before !== $this->refused->count()) {
                    return;
                }
                if (isset($input['input'])) {
                    $this->refused->signUpRefused(self::CREATE, [
                        'email' => (string)($input['input']['email'] ?? ''),
                        'firstname' => (string)($input['input']['firstname'] ?? ''),
                        'lastname' => (string)($input['input']['lastname'] ?? ''),
                    ], $this->message($exception));
                } else {
                    $username = (string)($input['email'] ?? '');
                    $this->refused->loginRefused(self::AUTHENTICATE, $username, $this->message($exception));
                }
            });
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
        $this->fence->run(self::CREATE, function () use ($arguments): void {
            $this->signUps->begin((bool)$arguments[0]->getAddresses());
        });
        try {
            $account = $proceed(...$arguments);
        } catch (\Throwable $exception) {
            $this->isCreating = false;
            $this->fence->run(self::CREATE, function () use ($arguments, $exception): void {
                $this->signUps->end(true);
                $this->refused->signUpRefused(self::CREATE, [
                    'email' => (string)$arguments[0]->getEmail(),
                    'firstname' => (string)$arguments[0]->getFirstname(),
                    'lastname' => (string)$arguments[0]->getLastname(),
                ], $this->message($exception));
            });
            throw $exception;
        }
        $this->isCreating = false;
        $this->fence->run(self::CREATE, function (): void {
            $this->signUps->end(false);
        });

        return $account;
    }

    /**
     * Captures a refused login.
     */
    private function captureLogin(string $username, LocalizedException $exception): void
    {
        $this->fence->run(self::AUTHENTICATE, function () use ($username, $exception): void {
            $this->refused->loginRefused(self::AUTHENTICATE, $username, $exception->getMessage());
        });
    }

    /**
     * Returns the message that the caller sees: only that of Magento's own exceptions.
     */
    private function message(\Throwable $exception): string
    {
        return $exception instanceof LocalizedException ? $exception->getMessage() : self::INTERNAL_ERROR;
    }
}
