<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Authorization\Model\UserContextInterface;
use Magento\Customer\Api\CustomerRepositoryInterface;
use Magento\Framework\DataObject;

/**
 * Captures that a customer logged out by revoking the token.
 */
class RevokedToken
{
    private const REVOKED = 'plugin:customer_token.revoke';

    /**
     * @var WatcherInterface
     */
    private $logouts;

    /**
     * @var UserContextInterface
     */
    private $user;

    /**
     * @var CustomerRepositoryInterface
     */
    private $customers;

    /**
     * @param WatcherInterface $logouts
     * @param UserContextInterface $user
     * @param CustomerRepositoryInterface $customers
     */
    public function __construct(
        WatcherInterface $logouts,
        UserContextInterface $user,
        CustomerRepositoryInterface $customers
    ) {
        $this->logouts = $logouts;
        $this->user = $user;
        $this->customers = $customers;
    }

    /**
     * Captures a logout if it was the customer's own call; Magento also revokes tokens of deleted customers.
     */
    public function revoked(int $customerId): void
    {
        $isOwn = (int)$this->user->getUserType() === UserContextInterface::USER_TYPE_CUSTOMER
            && (int)$this->user->getUserId() === $customerId;
        if ($isOwn) {
            $customer = $this->customers->getById($customerId);
            $this->logouts->on(self::REVOKED, new DataObject(['customer' => $customer]));
        }
    }
}
