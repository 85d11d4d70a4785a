<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Framework\App\Area;
use Magento\Framework\Exception\LocalizedException;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Watcher\RefusedCustomer;

/**
 * Captures customers' logins and sign-ups that are refused outside the storefront's forms.
 */
class CaptureRefusedCustomer
{
    private const AUTHENTICATE = 'plugin:customer_account.authenticate';
    private const CREATE = 'plugin:customer_account.create';

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var RefusedCustomer
     */
    private $refused;

    /**
     * @var ExecutionContext
     */
    private $execution;

    public function __construct(Fence $fence, RefusedCustomer $refused, ExecutionContext $execution)
    {
        $this->fence = $fence;
        $this->refused = $refused;
        $this->execution = $execution;
    }

    /**
     * A login by name and password, as in the storefront's pop-up.
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
                $this->tellLogin($arguments, $exception);
            }
            throw $exception;
        }
    }

    /**
     * A token requested by name and password, over REST or GraphQL.
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
            $this->tellLogin($arguments, $exception);
            throw $exception;
        }
    }

    /**
     * A sign-up over REST, GraphQL or after the checkout.
     *
     * @param \Magento\Customer\Api\AccountManagementInterface $subject
     * @param callable $proceed
     * @param mixed[] $arguments
     * @return mixed
     * @throws LocalizedException
     */
    public function aroundCreateAccount($subject, callable $proceed, ...$arguments)
    {
        try {
            return $proceed(...$arguments);
        } catch (LocalizedException $exception) {
            $this->fence->run(self::CREATE, function () use ($arguments, $exception): void {
                $this->refused->signUpRefused(self::CREATE, $arguments[0], $exception->getMessage());
            });
            throw $exception;
        }
    }

    private function tellLogin(array $arguments, LocalizedException $exception): void
    {
        $this->fence->run(self::AUTHENTICATE, function () use ($arguments, $exception): void {
            $this->refused->loginRefused(self::AUTHENTICATE, (string)$arguments[0], $exception->getMessage());
        });
    }
}
